"""In which order, in which batches and in which views an epoch goes through the examples."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf


class EpochOrder(Protocol):
    """The plan of an epoch, which follows from its number alone.

    So a run that resumes at epoch 7 sees what the uninterrupted run saw.
    """

    @property
    def steps_per_epoch(self) -> int:
        """Number S of batches, the same in every epoch."""
        ...

    @property
    def batch_size(self) -> int:
        """Examples B in a batch; the last batch may be smaller."""
        ...

    def batches(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """S elements: numbers int32 [B] of the examples and their views int32 [B].

        Args:
            epoch: int64 scalar, from 0.
        """
        ...


class ShuffledOrder:
    """Every example once, shuffled.

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
        """Number of batches that hold every example once."""
        return -(-self._num_examples // self.batch_size)

    def batches(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """Numbers int32 [B] and views int32 [B] of each batch."""
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
