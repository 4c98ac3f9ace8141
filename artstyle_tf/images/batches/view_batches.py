"""Pictures in chosen views, each picture decoded once however many of its views are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from artstyle_tf.images.batches.batches import ExampleStore
from artstyle_tf.images.batches.dataset_options import untuned
from artstyle_tf.images.batches.image_store import errors_of_reading
from artstyle_tf.system.threads import usable_cores

ViewFunction = Callable[[np.ndarray, int, int], np.ndarray]
"""(picture uint8 [S, S, 3], number of the picture, view) -> uint8 [S, S, 3]."""


def view_batches(
    store: ExampleStore,
    numbers: np.ndarray,
    views: np.ndarray,
    *,
    make_view: ViewFunction,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yields pictures in the order they are asked for; decoding overlaps with what uses them.

    Args:
        store: pictures by number.
        numbers: int [R]; the views of one picture should follow each other.
        views: int [R].
        make_view: makes a view of a picture.
        batch_size: B; the last batch may be smaller.

    Yields:
        float32 [B, S, S, 3], in 0..255.

    Raises:
        ArtstyleError: if a picture cannot be read.
    """
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    views_of_each = tf.RaggedTensor.from_row_starts(  # pyright: ignore[reportAttributeAccessIssue]
        tf.constant(views, tf.int32), starts
    )

    def make_views(picture: np.ndarray, number: int, wanted: np.ndarray) -> np.ndarray:
        return np.stack([make_view(picture, int(number), int(view)) for view in wanted])

    def load(number: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        picture = store.load(number)
        made = tf.numpy_function(make_views, [picture, number, wanted], picture.dtype)
        return tf.ensure_shape(made, [None, *picture.shape])

    dataset = (
        tf.data.Dataset.from_tensor_slices((tf.constant(numbers[starts]), views_of_each))
        .map(load, num_parallel_calls=usable_cores())
        .unbatch()
        .batch(batch_size)
        .map(lambda pictures: tf.cast(pictures, tf.float32))
        .prefetch(2)
    )
    with errors_of_reading():
        yield from untuned(dataset).as_numpy_iterator()
