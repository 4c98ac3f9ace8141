"""JPEG: the size in its frame header, and where EXIF begins.

Segments are walked as libjpeg walks them, so that a thumbnail inside of a segment is not taken for
the image, nor anything else for a frame header that the decoder would not take for one.

Source: ITU-T T.81, annex B; libjpeg's jdmarker.c.
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import big_endian, bytes_at, length
from artstyle_tf.images.reading.headers.image_header import ImageHeader, header_of

MARK = b"\xff\xd8\xff"

_EXIF = b"Exif\0\0"
_FIRST_SEGMENT = 2
_MOST_STEPS = 1024
"""Segments and stray bytes between them; a color profile takes at most 255 segments."""

_FRAME_HEADERS = [0xC0 + number for number in range(16) if number not in (4, 8, 12)]
_WITHOUT_LENGTH = [0x01, 0xD8, *range(0xD0, 0xD8)]
_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1


def read_jpeg_header(content: tf.Tensor) -> ImageHeader:
    """Walk the segments up to the first scan.

    Args:
        content: scalar string that begins with `MARK`.
    """
    size = length(content)

    def goes_on(position: tf.Tensor, step: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (position < size) & (step < _MOST_STEPS)

    def next_segment(
        position: tf.Tensor, step: tf.Tensor, frame: tf.Tensor, exif: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        head = bytes_at(content, position, 4 + len(_EXIF))
        marker = head[1]
        # Anything may be left between segments, and a marker may begin with 0xff several times.
        is_marker = (head[0] == 0xFF) & (marker != 0xFF) & (marker != 0)
        is_frame = is_marker & _is_one_of(marker, _FRAME_HEADERS)
        is_exif = tf.reduce_all(tf.equal(head[4:], list(_EXIF))) & (marker == _APP1) & is_marker
        is_last = is_marker & ((marker == _START_OF_SCAN) | (marker == _END_OF_IMAGE))
        segment = tf.maximum(head[2] * 256 + head[3], 2)
        segment = tf.where(_is_one_of(marker, _WITHOUT_LENGTH), 0, segment)
        step_size = tf.where(is_marker, segment + 2, 1)
        return (
            tf.where(is_last, size, position + step_size),
            step + 1,
            tf.where(is_frame & (frame == 0), position, frame),
            tf.where(is_exif & (exif == 0), position + 4 + len(_EXIF), exif),
        )

    none = tf.constant(0)
    _, _, frame, exif = tf.while_loop(
        goes_on, next_segment, (tf.constant(_FIRST_SEGMENT), none, none, none)
    )
    sides = bytes_at(content, frame + 5, 4)
    is_there = frame > 0
    return header_of(
        content,
        width=tf.where(is_there, big_endian(sides[2:]), 0),
        height=tf.where(is_there, big_endian(sides[:2]), 0),
        exif=exif,
        has_xmp=True,
    )


def _is_one_of(marker: tf.Tensor, markers: list[int]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(marker, markers))
