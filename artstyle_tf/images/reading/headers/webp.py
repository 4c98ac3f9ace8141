"""WebP: the size of its canvas and its image, and where EXIF begins.

TensorFlow 2.21 writes beyond its buffer at an animated WebP, which ends the server.

Source: RFC 9649.
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import (
    add_clipped,
    bytes_at,
    has,
    length,
    little_endian,
)
from artstyle_tf.images.reading.headers.image_header import ImageHeader, header_of

MARK = b"RIFF"
KIND = b"WEBP"

_FIRST_CHUNK = 12
_MOST_CHUNKS = 256
_HAS_ANIMATION, _HAS_XMP, _HAS_EXIF = 0x02, 0x04, 0x08
_EXIF_PREFIX = b"Exif\0\0"


def read_webp_header(content: tf.Tensor) -> ImageHeader:
    """Walk the chunks.

    Args:
        content: scalar string that begins with `MARK`, 4 bytes and `KIND`.
    """
    size = length(content)
    is_extended = has(content, _FIRST_CHUNK, b"VP8X")
    flags = tf.where(is_extended, bytes_at(content, 20, 1)[0], 0)

    def goes_on(position: tf.Tensor, step: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (position + 8 <= size) & (step < _MOST_CHUNKS)

    def next_chunk(
        position: tf.Tensor, step: tf.Tensor, sides: tf.Tensor, exif: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        start = position + 8
        is_exif = has(content, position, b"EXIF") & (exif == 0)
        chunk = little_endian(bytes_at(content, position + 4, 4))
        return (
            add_clipped(start, chunk + tf.math.floormod(chunk, 2)),
            step + 1,
            tf.maximum(sides, _sides_of(content, position)),
            tf.where(is_exif, start, exif),
        )

    none = tf.constant(0)
    first = tf.constant(_FIRST_CHUNK)
    _, _, sides, exif = tf.while_loop(
        goes_on, next_chunk, (first, none, tf.zeros([2], tf.int64), none)
    )
    exif = tf.where(has(content, exif, _EXIF_PREFIX), exif + len(_EXIF_PREFIX), exif)
    return header_of(
        content,
        width=sides[0],
        height=sides[1],
        exif=tf.where(_is_set(flags, _HAS_EXIF), exif, 0),
        has_xmp=_is_set(flags, _HAS_XMP),
        fault=tf.where(_is_set(flags, _HAS_ANIMATION), "an animated WebP", ""),
    )


def _sides_of(content: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Width and height that a chunk notes: int64 [2]; zeros if it notes none."""
    head = bytes_at(content, position + 8, 10)
    canvas = [little_endian(head[4:7]) + 1, little_endian(head[7:10]) + 1]
    lossy = [_14_bits(little_endian(head[6:8])), _14_bits(little_endian(head[8:10]))]
    packed = little_endian(head[1:5])
    lossless = [_14_bits(packed) + 1, _14_bits(packed // 2**14) + 1]
    sides = tf.zeros([2], tf.int64)
    for name, found in ((b"VP8X", canvas), (b"VP8 ", lossy), (b"VP8L", lossless)):
        sides = tf.where(has(content, position, name), tf.stack(found), sides)
    return sides


def _14_bits(number: tf.Tensor) -> tf.Tensor:
    """The lowest of them."""
    return tf.math.floormod(number, 2**14)


def _is_set(flags: tf.Tensor, flag: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(flags, flag) > 0
