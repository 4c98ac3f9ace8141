"""Examples + labels -> tf.data batches, the same in every run with the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from artstyle_tf.images.batches.epoch_order import EpochOrder, untuned
from artstyle_tf.system.threads import usable_cores

_BATCHES_AHEAD = 2

# A function without `if` and loops over tensors needs no AutoGraph, which takes longer to search
# for them than everything else that builds a pipeline.
_as_written = tf.autograph.experimental.do_not_convert

AugmentationFunction = Callable[[np.ndarray, int, int], np.ndarray]
"""(image uint8 [S, S, 3], number of the image, epoch or view) -> uint8 [S, S, 3]."""


class ExampleStore(Protocol):
    """Examples by number, such as those of an `ImageStore`."""

    def __len__(self) -> int: ...

    def load(self, number: tf.Tensor | int) -> tf.Tensor:
        """Return the example with this number, inside `tf.data`."""
        ...


class ViewedRows(Protocol):
    """Cached activations of N examples with V views each, such as those of the trunk cache."""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Return the shape of one row."""
        ...

    def read(self, numbers: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Return the rows of examples int [B] in views int [B]: float32 [B, ...]."""
        ...


def training_batches(
    store: ExampleStore,
    labels: Sequence[int] | np.ndarray,
    order: EpochOrder,
    *,
    first_epoch: int = 0,
    augment: AugmentationFunction | None = None,
    augments_by_view: bool = False,
) -> tf.data.Dataset:
    """Return endless batches, each epoch in another order, reproducible by the seed.

    Args:
        store: N examples.
        labels: int [N], class ids.
        order: of the examples.
        first_epoch: number of the first epoch.
        augment: changes an image.
        augments_by_view: pass the view that the order has drawn to `augment`, not the epoch.

    Returns:
        Dataset of (float32 [B, ...], int32 [B]), `order.steps_per_epoch` batches an epoch.
    """
    labels_tensor = _as_tensor(labels)

    def load(number: tf.Tensor, view: tf.Tensor, epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = store.load(number)
        if augment is not None:
            shape, version = example.shape, view if augments_by_view else epoch
            example = tf.numpy_function(augment, [example, number, version], example.dtype)
            example = tf.ensure_shape(example, shape)
        return tf.cast(example, tf.float32), labels_tensor[number]

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        # Examples are loaded one by one, in parallel, and batched again: all batches of an order
        # but the last have one size.
        return (
            order.batches(epoch)
            .unbatch()
            .map(lambda n, view: load(n, view, epoch), num_parallel_calls=usable_cores())
            .batch(order.batch_size)
        )

    return _endless(one_epoch, first_epoch)


def cached_training_batches(
    rows: ViewedRows,
    labels: Sequence[int] | np.ndarray,
    order: EpochOrder,
    *,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Return the batches of `training_batches`, with cached rows of the views instead of images."""
    labels_tensor = _as_tensor(labels)

    @_as_written
    def load(numbers: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _read_rows(rows, numbers, views), tf.gather(labels_tensor, numbers)

    return _endless(_as_written(lambda epoch: order.batches(epoch).map(load)), first_epoch)


def evaluation_batches(
    store: ExampleStore, labels: Sequence[int] | np.ndarray, *, batch_size: int
) -> tf.data.Dataset:
    """Return all examples once, in the order of their numbers: (float32 [B, ...], int32 [B])."""
    labels_tensor = _as_tensor(labels)
    dataset = tf.data.Dataset.range(len(store)).map(
        lambda number: (tf.cast(store.load(number), tf.float32), labels_tensor[number]),
        num_parallel_calls=usable_cores(),
    )
    return untuned(dataset.batch(batch_size).prefetch(_BATCHES_AHEAD))


def cached_evaluation_batches(
    rows: ViewedRows, labels: Sequence[int] | np.ndarray, *, batch_size: int
) -> tf.data.Dataset:
    """Return the batches of `evaluation_batches`, with cached rows of view 0 instead of images."""
    dataset = tf.data.Dataset.from_tensor_slices((tf.range(len(labels)), _as_tensor(labels)))

    @_as_written
    def load(numbers: tf.Tensor, known: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _read_rows(rows, numbers, tf.zeros_like(numbers)), known

    dataset = dataset.batch(batch_size).map(load)
    return untuned(dataset.prefetch(_BATCHES_AHEAD))


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Return the number of batches with every example once."""
    return -(-num_examples // batch_size)


def _read_rows(rows: ViewedRows, numbers: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
    read = tf.numpy_function(rows.read, [numbers, views], tf.float32)
    return tf.ensure_shape(read, [None, *rows.row_shape])


def _endless(
    one_epoch: Callable[[tf.Tensor], tf.data.Dataset], first_epoch: int
) -> tf.data.Dataset:
    epochs = tf.data.Dataset.counter(start=first_epoch)
    return untuned(epochs.flat_map(one_epoch).prefetch(_BATCHES_AHEAD))


def _as_tensor(labels: Sequence[int] | np.ndarray) -> tf.Tensor:
    return tf.constant(np.asarray(labels, dtype=np.int32))
