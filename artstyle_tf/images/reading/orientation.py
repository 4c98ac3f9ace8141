"""The orientation of an image, read and applied inside a TensorFlow graph.

TensorFlow's decoder ignores EXIF, so a server would see a portrait lying on its side. Prepared
images have been turned already.

Source: CIPA DC-008 (Exif 2.32), JEITA CP-3451; TIFF 6.0, section 2; ISO 16684-1 (XMP).
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import (
    ImageHeader,
    add_clipped,
    big_endian,
    bytes_at,
    find,
    little_endian,
)

_ORIENTATION_TAG = 0x0112
_SHORT, _LONG = 3, 4
_MAX_ENTRIES = 512
_BYTES_PER_ENTRY = 12
_BYTE_ORDER = {"big": ord("M"), "little": ord("I")}
_XMP_NAMES = (b'tiff:Orientation="', b"tiff:Orientation>")


def orientation_of(image_bytes: tf.Tensor, header: ImageHeader) -> tf.Tensor:
    """Read the orientation from EXIF, and where EXIF has none from XMP, as Pillow does.

    Args:
        image_bytes: scalar string, the content of a file.
        header: of this file.

    Returns:
        int32 scalar in 1..8; 1, which means upright, if it is missing or invalid.
    """
    noted = tf.cond(
        header.exif > 0,
        lambda: _orientation_in_exif(image_bytes, header.exif),
        lambda: tf.constant(-1),
    )
    value = tf.cond(
        (noted < 0) & header.has_xmp, lambda: _orientation_in_xmp(image_bytes), lambda: noted
    )
    return tf.where((value >= 1) & (value <= 8), value, 1)


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror an image [H, W, C] by its orientation, 1..8; [W, H, C] for 5 to 8."""
    is_transposed = orientation >= 5
    image = tf.cond(
        is_transposed, lambda: tf.transpose(image, [1, 0, 2]), lambda: tf.identity(image)
    )
    flips_rows = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    flips_columns = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    image = tf.cond(flips_rows, lambda: tf.reverse(image, [0]), lambda: tf.identity(image))
    return tf.cond(flips_columns, lambda: tf.reverse(image, [1]), lambda: tf.identity(image))


def _orientation_in_exif(content: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the tag of the first directory; 0 if its value is no number, -1 without the tag."""
    mark = bytes_at(content, start, 1)[0]
    is_big_endian = mark == _BYTE_ORDER["big"]
    is_known = is_big_endian | (mark == _BYTE_ORDER["little"])

    def number(digits: tf.Tensor) -> tf.Tensor:
        return tf.where(is_big_endian, big_endian(digits), little_endian(digits))

    directory = add_clipped(start, number(bytes_at(content, start + 4, 4)))
    count = tf.minimum(number(bytes_at(content, directory, 2)), _MAX_ENTRIES)
    size = _MAX_ENTRIES * _BYTES_PER_ENTRY
    entries = tf.reshape(bytes_at(content, directory + 2, size), [_MAX_ENTRIES, _BYTES_PER_ENTRY])
    tag = [_ORIENTATION_TAG >> 8, _ORIENTATION_TAG & 0xFF]
    tag_as_stored = tf.where(is_big_endian, tag, tag[::-1])
    is_it = tf.reduce_all(entries[:, :2] == tag_as_stored, axis=1)
    is_it &= tf.range(_MAX_ENTRIES, dtype=tf.int64) < count
    # Of several the last one counts.
    last = tf.reduce_max(tf.where(is_it, tf.range(_MAX_ENTRIES), -1))
    entry = entries[tf.maximum(last, 0)]
    kind, num_values = number(entry[2:4]), number(entry[4:8])
    value = tf.where(kind == _SHORT, number(entry[8:10]), 0)
    value = tf.where(kind == _LONG, number(entry[8:12]), value)
    value = tf.where(num_values == 1, tf.minimum(value, 2**31 - 1), 0)
    return tf.where(is_known & (last >= 0), tf.cast(value, tf.int32), -1)


def _orientation_in_xmp(content: tf.Tensor) -> tf.Tensor:
    """Return the digit after the first mention; -1 without one."""
    value, first = tf.constant(-1), tf.constant(2**31 - 1)
    for name in _XMP_NAMES:
        position = find(content, name)
        digit = bytes_at(content, position + len(name), 1)[0] - ord("0")
        is_nearer = (position >= 0) & (position < first) & (digit >= 0) & (digit <= 9)
        value = tf.where(is_nearer, digit, value)
        first = tf.where(is_nearer, position, first)
    return value
