"""Picture store + labels -> tf.data batches, the same in every run with the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

AugmentationFunction = Callable[[np.ndarray, int, int], np.ndarray]
"""(picture uint8 [S, S, 3], number of the picture, epoch) -> uint8 [S, S, 3]."""


class ExampleStore(Protocol):
    """Examples by number, as `PictureStore` offers them."""

    def __len__(self) -> int: ...

    def load(self, number: tf.Tensor | int) -> tf.Tensor:
        """The example with this number, inside `tf.data`."""
        ...


def training_batches(
    store: ExampleStore,
    labels: Sequence[int] | np.ndarray,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    augment: AugmentationFunction | None = None,
) -> tf.data.Dataset:
    """Endless batches; every epoch holds every picture once, in an order of its own.

    The order follows from (seed, epoch) alone. So a run that resumes at epoch 7 sees what the
    uninterrupted run saw.

    Args:
        store: N examples.
        labels: int [N], class ids.
        batch_size: B; the last batch of an epoch may be smaller.
        seed: of the order.
        first_epoch: number of the first epoch to deliver.
        augment: changes a picture, depending on its number and the epoch.

    Returns:
        Dataset of (float32 [B, ...], int32 [B]), `steps_per_epoch(N, B)` batches an epoch.
    """
    num_examples = len(store)
    labels_tensor = tf.constant(np.asarray(labels, dtype=np.int32))

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.argsort(tf.random.stateless_uniform([num_examples], seed=key))
        return (
            tf.data.Dataset.from_tensor_slices(order)
            .map(lambda number: load(number, epoch), num_parallel_calls=tf.data.AUTOTUNE)
            .batch(batch_size)
        )

    def load(number: tf.Tensor, epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = store.load(number)
        if augment is not None:
            shape = example.shape
            example = tf.numpy_function(augment, [example, number, epoch], example.dtype)
            example = tf.ensure_shape(example, shape)
        return tf.cast(example, tf.float32), labels_tensor[number]

    epochs = tf.data.Dataset.counter(start=first_epoch)
    return _reproducible(epochs.flat_map(one_epoch)).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    store: ExampleStore, labels: Sequence[int] | np.ndarray, *, batch_size: int
) -> tf.data.Dataset:
    """All examples once, in the order of their numbers.

    Returns:
        Dataset of (float32 [B, ...], int32 [B]), `steps_per_epoch(N, B)` batches.
    """
    labels_tensor = tf.constant(np.asarray(labels, dtype=np.int32))
    dataset = tf.data.Dataset.range(len(store)).map(
        lambda number: (tf.cast(store.load(number), tf.float32), labels_tensor[number]),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return _reproducible(dataset.batch(batch_size)).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Number of batches that hold every example once."""
    return -(-num_examples // batch_size)


def _reproducible(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    return dataset.with_options(options)
