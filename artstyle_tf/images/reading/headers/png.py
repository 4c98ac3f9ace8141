"""PNG: the size in IHDR, and where EXIF begins.

Source: W3C, Portable Network Graphics (third edition).
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import big_endian, bytes_at, find, has
from artstyle_tf.images.reading.headers.image_header import ImageHeader, header_of

MARK = b"\x89PNG\r\n\x1a\n"

_FIRST_CHUNK = b"\0\0\0\x0dIHDR"
_EXIF_CHUNK = b"eXIf"
_EXIF_PREFIX = b"Exif\0\0"
_TIFF_HEADERS = (b"II*\0", b"MM\0*")


def read_png_header(content: tf.Tensor) -> ImageHeader:
    """Read IHDR and look for eXIf, which may stand behind the pixels, too.

    Chunks are not walked, because the pixels of a large image are thousands of them. The name of
    the chunk and the header of its content together do not occur in compressed pixels by chance.

    Args:
        content: scalar string that begins with `MARK`.
    """
    sides = bytes_at(content, 16, 8)
    is_there = has(content, len(MARK), _FIRST_CHUNK)
    return header_of(
        content,
        width=tf.where(is_there, big_endian(sides[:4]), 0),
        height=tf.where(is_there, big_endian(sides[4:]), 0),
        exif=_find_exif(content),
        has_xmp=True,
    )


def _find_exif(content: tf.Tensor) -> tf.Tensor:
    starts = []
    for prefix in (b"", _EXIF_PREFIX):  # the second is wrong, and read nevertheless
        for header in _TIFF_HEADERS:
            mark = _EXIF_CHUNK + prefix
            position = find(content, mark + header)
            starts.append(tf.where(position < 0, 0, position + len(mark)))
    return tf.reduce_max(tf.stack(starts))
