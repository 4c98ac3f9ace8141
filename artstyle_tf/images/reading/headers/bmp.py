"""BMP: the size in its header, and whether TensorFlow decodes this kind rightly.

TensorFlow 2.21 takes the numbers of a palette for gray levels and the unused byte of 32 bits for
transparency.

Source: Microsoft, BITMAPINFOHEADER.
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import bytes_at, has, length, little_endian
from artstyle_tf.images.reading.headers.image_header import ImageHeader, header_of

MARK = b"BM"

_24_BITS_UNCOMPRESSED = b"\x18\0\0\0\0\0"
_SHORTEST_HEADER = 40


def read_bmp_header(content: tf.Tensor) -> ImageHeader:
    """Read the size; a negative height means that the first row comes first.

    Args:
        content: scalar string that begins with `MARK`.
    """
    width = little_endian(bytes_at(content, 18, 4))
    height = tf.abs(_signed(little_endian(bytes_at(content, 22, 4))))
    offset = little_endian(bytes_at(content, 10, 4))
    is_known = has(content, 28, _24_BITS_UNCOMPRESSED) & (
        little_endian(bytes_at(content, 14, 4)) >= _SHORTEST_HEADER
    )
    row = (3 * width + 3) // 4 * 4
    is_whole = offset + row * height <= tf.cast(length(content), tf.int64)
    fault = tf.where(is_known, "", "a BMP that is not of 24 bits without compression")
    fault = tf.where(is_known & tf.logical_not(is_whole), "damaged: the file is cut off", fault)
    return header_of(content, width, height, fault=fault)


def _signed(number: tf.Tensor) -> tf.Tensor:
    return tf.where(number >= 2**31, number - 2**32, number)
