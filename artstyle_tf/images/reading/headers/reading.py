"""The header of an image of any format that a served model decodes.

The size and where EXIF begins, read without decoding.

Sources: ITU-T T.81, annex B, and libjpeg's jdmarker.c; W3C, Portable Network Graphics (third
edition); RFC 9649 (WebP); Microsoft, BITMAPINFOHEADER.
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers import gif
from artstyle_tf.images.reading.headers.byte_strings import (
    ImageHeader,
    add_clipped,
    big_endian,
    bytes_at,
    find,
    has,
    header_of,
    little_endian,
)

DAMAGED = "damaged: it cannot be decoded"

MOST_SIDE_PX = 16_384
"""Resizing keeps some rows of the full width, however thin an image is."""

_NOT_KNOWN = (
    "no image that is read here; expected a JPEG, PNG, GIF, WebP without animation or BMP of "
    "24 bits, in JSON as base64"
)
_EXIF_PREFIX = b"Exif\0\0"

_JPEG = b"\xff\xd8\xff"
_FRAME_HEADERS = [0xC0 + number for number in range(16) if number not in (4, 8, 12)]
_WITHOUT_LENGTH = [0x01, 0xD8, *range(0xD0, 0xD8)]
_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1
_FIRST_SEGMENT = 2
_MAX_STEPS = 1024
"""Segments and stray bytes between them; a color profile takes at most 255 segments."""

_PNG = b"\x89PNG\r\n\x1a\n"
_FIRST_PNG_CHUNK = b"\0\0\0\x0dIHDR"
_EXIF_CHUNK = b"eXIf"
_TIFF_HEADERS = (b"II*\0", b"MM\0*")

_BMP = b"BM"
_24_BITS_UNCOMPRESSED = b"\x18\0\0\0\0\0"
_SHORTEST_BMP_HEADER = 40

_FIRST_WEBP_CHUNK = 12
_MAX_WEBP_CHUNKS = 256
_HAS_ANIMATION, _HAS_XMP, _HAS_EXIF = 0x02, 0x04, 0x08


def read_header(image_bytes: tf.Tensor) -> ImageHeader:
    """Read the header of a file, a scalar string, by its first bytes; nothing here fails."""
    kinds = [
        (has(image_bytes, 0, _JPEG), _read_jpeg_header),
        (has(image_bytes, 0, _PNG), _read_png_header),
        (has(image_bytes, 0, gif.MARK), gif.read_gif_header),
        (has(image_bytes, 0, _BMP), _read_bmp_header),
        (has(image_bytes, 0, b"RIFF") & has(image_bytes, 8, b"WEBP"), _read_webp_header),
        (tf.constant(True), _unknown_header),
    ]
    first = tf.argmax(
        tf.stack([tf.cast(is_it, tf.int8) for is_it, _ in kinds]), output_type=tf.int32
    )
    header = tf.switch_case(first, [lambda read=read: read(image_bytes) for _, read in kinds])
    is_empty = (header.fault == "") & ((header.width <= 0) | (header.height <= 0))
    return header._replace(fault=tf.where(is_empty, "damaged: no size is noted", header.fault))


def too_large(header: ImageHeader, max_pixels: int) -> tf.Tensor:
    """Return why an image takes too much memory, as a scalar string; "" if it does not.

    Args:
        header: of the image.
        max_pixels: width x height that is allowed.
    """
    width, height = tf.strings.as_string(header.width), tf.strings.as_string(header.height)
    size = tf.strings.join(["too large: ", width, " x ", height, " pixels, "])
    has_long_side = tf.maximum(header.width, header.height) > MOST_SIDE_PX
    # Sides first: their product could exceed 64 bits.
    has_many = tf.logical_not(has_long_side) & (header.width * header.height > max_pixels)
    reason = tf.where(has_long_side, size + f"where a side may have {MOST_SIDE_PX}", "")
    return tf.where(has_many, size + f"more than {max_pixels}", reason)


def _unknown_header(content: tf.Tensor) -> ImageHeader:
    none = tf.zeros([], tf.int64)
    return header_of(content, none, none, fault=_NOT_KNOWN)


def _read_jpeg_header(content: tf.Tensor) -> ImageHeader:
    """Read the segments up to the first scan, as libjpeg does.

    So a thumbnail inside a segment is not taken for the image, nor anything else for a frame header
    that the decoder would not take for one.
    """
    size = tf.strings.length(content)

    def goes_on(position: tf.Tensor, step: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (position < size) & (step < _MAX_STEPS)

    def next_segment(
        position: tf.Tensor, step: tf.Tensor, frame: tf.Tensor, exif: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        head = bytes_at(content, position, 4 + len(_EXIF_PREFIX))
        marker = head[1]
        # Stray bytes may lie between segments, and a marker may begin with 0xff several times.
        is_marker = (head[0] == 0xFF) & (marker != 0xFF) & (marker != 0)
        is_frame = is_marker & _is_one_of(marker, _FRAME_HEADERS)
        is_exif = tf.reduce_all(tf.equal(head[4:], list(_EXIF_PREFIX))) & (marker == _APP1)
        is_exif &= is_marker
        is_last = is_marker & ((marker == _START_OF_SCAN) | (marker == _END_OF_IMAGE))
        segment = tf.maximum(head[2] * 256 + head[3], 2)
        segment = tf.where(_is_one_of(marker, _WITHOUT_LENGTH), 0, segment)
        step_size = tf.where(is_marker, segment + 2, 1)
        return (
            tf.where(is_last, size, position + step_size),
            step + 1,
            tf.where(is_frame & (frame == 0), position, frame),
            tf.where(is_exif & (exif == 0), position + 4 + len(_EXIF_PREFIX), exif),
        )

    none = tf.constant(0)
    start = (tf.constant(_FIRST_SEGMENT), none, none, none)
    _, _, frame, exif = tf.while_loop(goes_on, next_segment, start)
    sides = bytes_at(content, frame + 5, 4)
    return header_of(
        content,
        width=tf.where(frame > 0, big_endian(sides[2:]), 0),
        height=tf.where(frame > 0, big_endian(sides[:2]), 0),
        exif=exif,
        has_xmp=True,
    )


def _is_one_of(marker: tf.Tensor, markers: list[int]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(marker, markers))


def _read_png_header(content: tf.Tensor) -> ImageHeader:
    """Read IHDR and search for eXIf, which may follow the pixels, too.

    Chunks are not read one by one, because the pixels of a large image are thousands of them. The
    name of the chunk and the header of its content together do not occur in compressed pixels by
    chance.
    """
    sides = bytes_at(content, 16, 8)
    is_there = has(content, len(_PNG), _FIRST_PNG_CHUNK)
    starts = []
    for prefix in (b"", _EXIF_PREFIX):  # the second is wrong, and read nevertheless
        for header in _TIFF_HEADERS:
            mark = _EXIF_CHUNK + prefix
            position = find(content, mark + header)
            starts.append(tf.where(position < 0, 0, position + len(mark)))
    return header_of(
        content,
        width=tf.where(is_there, big_endian(sides[:4]), 0),
        height=tf.where(is_there, big_endian(sides[4:]), 0),
        exif=tf.reduce_max(tf.stack(starts)),
        has_xmp=True,
    )


def _read_bmp_header(content: tf.Tensor) -> ImageHeader:
    """Read the size, and check that TensorFlow decodes this kind of BMP correctly.

    TensorFlow 2.21 takes the numbers of a palette for gray levels and the unused byte of 32 bits
    for transparency. A negative height means that the first row comes first.
    """
    width, height = (little_endian(bytes_at(content, position, 4)) for position in (18, 22))
    height = tf.abs(tf.where(height >= 2**31, height - 2**32, height))
    offset = little_endian(bytes_at(content, 10, 4))
    is_known = has(content, 28, _24_BITS_UNCOMPRESSED) & (
        little_endian(bytes_at(content, 14, 4)) >= _SHORTEST_BMP_HEADER
    )
    row = (3 * width + 3) // 4 * 4
    is_whole = offset + row * height <= tf.cast(tf.strings.length(content), tf.int64)
    fault = tf.where(is_known, "", "a BMP that is not of 24 bits without compression")
    fault = tf.where(is_known & tf.logical_not(is_whole), "damaged: the file is cut off", fault)
    return header_of(content, width, height, fault=fault)


def _read_webp_header(content: tf.Tensor) -> ImageHeader:
    """Read the chunks for the size of canvas and image, and where EXIF begins.

    An animation is a fault: TensorFlow 2.21 writes beyond its buffer, which ends the server.
    """
    size = tf.strings.length(content)
    is_extended = has(content, _FIRST_WEBP_CHUNK, b"VP8X")
    flags = tf.where(is_extended, bytes_at(content, 20, 1)[0], 0)

    def goes_on(position: tf.Tensor, step: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (position + 8 <= size) & (step < _MAX_WEBP_CHUNKS)

    def next_chunk(
        position: tf.Tensor, step: tf.Tensor, sides: tf.Tensor, exif: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        start = position + 8
        is_exif = has(content, position, b"EXIF") & (exif == 0)
        chunk = little_endian(bytes_at(content, position + 4, 4))
        return (
            add_clipped(start, chunk + tf.math.floormod(chunk, 2)),
            step + 1,
            tf.maximum(sides, _sides_of_webp_chunk(content, position)),
            tf.where(is_exif, start, exif),
        )

    none = tf.constant(0)
    start = (tf.constant(_FIRST_WEBP_CHUNK), none, tf.zeros([2], tf.int64), none)
    _, _, sides, exif = tf.while_loop(goes_on, next_chunk, start)
    exif = tf.where(has(content, exif, _EXIF_PREFIX), exif + len(_EXIF_PREFIX), exif)
    return header_of(
        content,
        width=sides[0],
        height=sides[1],
        exif=tf.where(_is_set(flags, _HAS_EXIF), exif, 0),
        has_xmp=_is_set(flags, _HAS_XMP),
        fault=tf.where(_is_set(flags, _HAS_ANIMATION), "an animated WebP", ""),
    )


def _sides_of_webp_chunk(content: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Return the width and height in a chunk: int64 [2]; zeros if it has none."""
    head = bytes_at(content, position + 8, 10)
    canvas = [little_endian(head[4:7]) + 1, little_endian(head[7:10]) + 1]
    lossy = [_low_14_bits(little_endian(head[first : first + 2])) for first in (6, 8)]
    packed = little_endian(head[1:5])
    lossless = [_low_14_bits(packed) + 1, _low_14_bits(packed // 2**14) + 1]
    sides = tf.zeros([2], tf.int64)
    for name, found in ((b"VP8X", canvas), (b"VP8 ", lossy), (b"VP8L", lossless)):
        sides = tf.where(has(content, position, name), tf.stack(found), sides)
    return sides


def _low_14_bits(number: tf.Tensor) -> tf.Tensor:
    return tf.math.floormod(number, 2**14)


def _is_set(flags: tf.Tensor, flag: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(flags, flag) > 0
