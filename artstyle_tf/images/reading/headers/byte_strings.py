"""Bytes of a file as numbers, inside a TensorFlow graph.

Nothing here fails on a short file: what lies beyond its end is zero.
"""

from __future__ import annotations

import tensorflow as tf


def length(content: tf.Tensor) -> tf.Tensor:
    """Return the number of bytes of a scalar string: int32."""
    return tf.strings.length(content)


def bytes_at(content: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """Read some bytes.

    Args:
        content: scalar string.
        position: int32 scalar; the first byte. Negative counts as the start.
        count: of bytes, at least 1.

    Returns:
        int32 [count] in 0..255; zeros beyond the end.
    """
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
    return tf.clip_by_value(tf.convert_to_tensor(position, tf.int32), 0, length(content))


def has(content: tf.Tensor, position: tf.Tensor | int, mark: bytes) -> tf.Tensor:
    """Whether some bytes stand at a position: bool scalar."""
    return tf.equal(tf.strings.substr(content, _inside(content, position), len(mark)), mark)


def part(content: tf.Tensor, begin: tf.Tensor | int, end: tf.Tensor) -> tf.Tensor:
    """Cut out the bytes from `begin` to before `end`: scalar string."""
    begin = _inside(content, begin)
    return tf.strings.substr(content, begin, tf.maximum(end - begin, 0))


def find(content: tf.Tensor, pattern: bytes) -> tf.Tensor:
    """Find where a pattern begins: int32 scalar, -1 if nowhere."""
    parts = tf.strings.split(content, pattern, maxsplit=1)
    return tf.cond(tf.size(parts) > 1, lambda: length(parts[0]), lambda: tf.constant(-1))


def add_clipped(position: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
    """Add an int64 distance that a file claims to an int32 position, at most 2^31 - 1."""
    return tf.cast(tf.minimum(tf.cast(position, tf.int64) + distance, 2**31 - 1), tf.int32)
