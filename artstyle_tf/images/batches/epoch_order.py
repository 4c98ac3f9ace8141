"""The order, batches and views in which an epoch uses the examples, and options of pipelines."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the dataset with a deterministic order and without autotuning, for every pipeline.

    TensorFlow's autotuning is a thread that checks a pipeline ever less often, in the end once a
    minute. Destroying an iterator waits for that thread, which can miss the notification: four of
    nine trainings of a minute ended with a pause of up to a minute (TensorFlow 2.21, in
    `data::model::Model::OptimizeLoop`). So pipelines set their number of threads themselves.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return dataset.with_options(options)


class EpochOrder(Protocol):
    """The plan of an epoch, which depends on its number alone.

    So a run that resumes at epoch 7 uses the same batches as the uninterrupted run.
    """

    @property
    def steps_per_epoch(self) -> int:
        """Return the number S of batches, the same in every epoch."""
        ...

    @property
    def batch_size(self) -> int:
        """Return the examples B of a batch; the last batch may be smaller."""
        ...

    def batches(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """Return S elements for an epoch, int64 scalar from 0.

        Each element has the numbers int32 [B] of the examples and their views int32 [B].
        """
        ...


class ShuffledOrder:
    """Order with every example once, shuffled.

    Args:
        num_examples: N.
        batch_size: B; the last batch of an epoch may be smaller.
        seed: of the order and of the views.
        num_views: V; each epoch draws one view of each example.
    """

    def __init__(
        self, num_examples: int, *, batch_size: int, seed: int, num_views: int = 1
    ) -> None:
        self._num_examples = num_examples
        self._seed = seed
        self._num_views = num_views
        self.batch_size = batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of batches with every example once."""
        return -(-self._num_examples // self.batch_size)

    def batches(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """Return the numbers int32 [B] and views int32 [B] of each batch."""
        seed = tf.constant(self._seed, tf.int64)
        shuffled = tf.random.stateless_uniform([self._num_examples], seed=tf.stack([seed, epoch]))
        # Epochs are never negative, so this draw is independent of the first.
        views = tf.random.stateless_uniform(
            [self._num_examples],
            seed=tf.stack([seed, -1 - epoch]),
            maxval=self._num_views,
            dtype=tf.int32,
        )
        drawn = (tf.argsort(shuffled), views)
        return tf.data.Dataset.from_tensor_slices(drawn).batch(self.batch_size)
