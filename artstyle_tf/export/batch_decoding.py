"""Decode the files of a request to images of the network's size; each may be rejected alone.

Inside a TensorFlow graph a failing operation ends the whole request, and a decoder allocates what
a header declares. So headers are read before anything is decoded, and files that still fail in a
decoder are skipped by a dataset that ignores errors, inside the graph.
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.export.served_signature import OK
from artstyle_tf.images.reading.decoding import (
    AspectPolicy,
    decode_unprepared_image,
    resize_image,
)
from artstyle_tf.images.reading.headers.reading import DAMAGED, read_header, too_large

_IMAGES_AT_ONCE = 2


def decode_batch(
    image_bytes: tf.Tensor, *, image_size_px: int, aspect: AspectPolicy, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode the valid files of a batch.

    Args:
        image_bytes: string [B], contents of image files.
        image_size_px: side S of the result.
        aspect: how an image is made square.
        max_pixels: width x height; larger images are rejected before they are decoded, which takes
            up to 12 bytes per pixel.

    Returns:
        status: string [B], `OK` or the reason; pixels: uint8 [B, S, S, 3], zeros where it is not
        `OK`.
    """
    square = [image_size_px, image_size_px, 3]

    def decode(number: tf.Tensor, content: tf.Tensor) -> tuple[tf.Tensor, ...]:
        header = read_header(content)
        fault = tf.where(header.fault == "", too_large(header, max_pixels), header.fault)
        pixels = tf.cond(
            fault == "",
            lambda: resize_image(
                decode_unprepared_image(content, header),
                image_size_px=image_size_px,
                aspect=aspect,
            ),
            lambda: tf.zeros(square, tf.uint8),
        )
        return number, tf.where(fault == "", OK, fault), tf.ensure_shape(pixels, square)

    count = tf.shape(image_bytes, out_type=tf.int64)[0]
    numbered = tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes))
    decoded = numbered.map(decode, num_parallel_calls=_IMAGES_AT_ONCE, deterministic=False)
    # A sentinel element, because a batch of zero elements cannot be taken.
    sentinel = tf.data.Dataset.from_tensors((count, OK, tf.zeros(square, tf.uint8)))
    gathered = decoded.ignore_errors().concatenate(sentinel).batch(count + 1)
    numbers, statuses, pixels = gathered.with_options(_plain_options()).get_single_element()
    rows = numbers[:, tf.newaxis]
    status = tf.tensor_scatter_nd_update(tf.fill([count + 1], DAMAGED), rows, statuses)
    all_pixels = tf.scatter_nd(rows, pixels, tf.stack([count + 1, *square]))
    return status[:count], tf.reshape(all_pixels[:count], [-1, *square])


def _plain_options() -> tf.data.Options:
    """Disable graph optimization, which takes longer than decoding a few images."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return options
