"""Images in chosen views, each image decoded once however many of its views are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from artstyle_tf.images.batches.batches import ExampleStore
from artstyle_tf.images.batches.dataset_options import untuned
from artstyle_tf.images.batches.image_store import errors_of_reading
from artstyle_tf.system.threads import usable_cores

ViewFunction = Callable[[np.ndarray, int, int], np.ndarray]
"""(image uint8 [S, S, 3], number of the image, view) -> uint8 [S, S, 3]."""


def view_batches(
    store: ExampleStore,
    numbers: np.ndarray,
    views: np.ndarray,
    *,
    make_view: ViewFunction,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yields images in the order they are asked for; decoding overlaps with what uses them.

    Args:
        store: images by number.
        numbers: int [R]; the views of one image should follow each other.
        views: int [R].
        make_view: makes a view of an image.
        batch_size: B; the last batch may be smaller.

    Yields:
        float32 [B, S, S, 3], in 0..255.

    Raises:
        ArtstyleError: if an image cannot be read.
    """
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    views_of_each = tf.RaggedTensor.from_row_starts(  # pyright: ignore[reportAttributeAccessIssue]
        tf.constant(views, tf.int32), starts
    )

    def make_views(image: np.ndarray, number: int, wanted: np.ndarray) -> np.ndarray:
        return np.stack([make_view(image, int(number), int(view)) for view in wanted])

    def load(number: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        image = store.load(number)
        made = tf.numpy_function(make_views, [image, number, wanted], image.dtype)
        return tf.ensure_shape(made, [None, *image.shape])

    dataset = (
        tf.data.Dataset.from_tensor_slices((tf.constant(numbers[starts]), views_of_each))
        .map(load, num_parallel_calls=usable_cores())
        .unbatch()
        .batch(batch_size)
        .map(lambda images: tf.cast(images, tf.float32))
        .prefetch(2)
    )
    with errors_of_reading():
        yield from untuned(dataset).as_numpy_iterator()
