"""Bytes of a file as numbers, and the facts of its header, inside a TensorFlow graph.

Nothing here fails on a short file: bytes beyond its end are zero.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class ImageHeader(NamedTuple):
    """Facts about one file, all of them scalar tensors.

    Attributes:
        width: int64, in pixels; 0 if no size was found.
        height: int64.
        exif: int32, where a block of EXIF begins, a TIFF header; 0 for none.
        has_xmp: bool, whether XMP may contain an orientation where EXIF does not.
        content: string, the bytes to decode; of an animation the first image only.
        fault: string, why it must not be decoded; "" for no reason.
    """

    width: tf.Tensor
    height: tf.Tensor
    exif: tf.Tensor
    has_xmp: tf.Tensor
    content: tf.Tensor
    fault: tf.Tensor


def header_of(
    content: tf.Tensor,
    width: tf.Tensor,
    height: tf.Tensor,
    *,
    exif: tf.Tensor | int = 0,
    has_xmp: tf.Tensor | bool = False,
    fault: tf.Tensor | str = "",
) -> ImageHeader:
    """Build a header with the dtypes that all formats share."""
    return ImageHeader(
        width=tf.cast(width, tf.int64),
        height=tf.cast(height, tf.int64),
        exif=tf.convert_to_tensor(exif, tf.int32),
        has_xmp=tf.convert_to_tensor(has_xmp, tf.bool),
        content=content,
        fault=tf.convert_to_tensor(fault, tf.string),
    )


def bytes_at(content: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """Read `count` >= 1 bytes at an int32 position, at least 0: int32 [count] in 0..255."""
    found = tf.strings.substr(content, _inside(content, position), count)
    return tf.cast(tf.io.decode_raw(found, tf.uint8, fixed_length=count), tf.int32)


def big_endian(digits: tf.Tensor) -> tf.Tensor:
    """Join bytes, int32 [N] with N up to 4, to a number: int64 scalar."""
    return little_endian(digits[::-1])


def little_endian(digits: tf.Tensor) -> tf.Tensor:
    """Join bytes in the other order."""
    weights = [256**power for power in range(int(digits.shape[0] or 0))]
    return tf.reduce_sum(tf.cast(digits, tf.int64) * tf.constant(weights, tf.int64))


def _inside(content: tf.Tensor, position: tf.Tensor | int) -> tf.Tensor:
    position = tf.convert_to_tensor(position, tf.int32)
    return tf.clip_by_value(position, 0, tf.strings.length(content))


def has(content: tf.Tensor, position: tf.Tensor | int, mark: bytes) -> tf.Tensor:
    """Compare the bytes at a position with a mark: bool scalar."""
    return tf.equal(tf.strings.substr(content, _inside(content, position), len(mark)), mark)


def part(content: tf.Tensor, begin: tf.Tensor | int, end: tf.Tensor) -> tf.Tensor:
    """Cut out the bytes from `begin` to before `end`: scalar string."""
    begin = _inside(content, begin)
    return tf.strings.substr(content, begin, tf.maximum(end - begin, 0))


def find(content: tf.Tensor, pattern: bytes) -> tf.Tensor:
    """Find where a pattern begins: int32 scalar, -1 if nowhere."""
    parts = tf.strings.split(content, pattern, maxsplit=1)
    return tf.cond(tf.size(parts) > 1, lambda: tf.strings.length(parts[0]), lambda: tf.constant(-1))


def add_clipped(position: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
    """Add an int64 distance that a file claims to an int32 position, at most 2^31 - 1."""
    return tf.cast(tf.minimum(tf.cast(position, tf.int64) + distance, 2**31 - 1), tf.int32)
