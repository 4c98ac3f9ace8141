"""Which way up a JPEG is meant to be seen, inside a TensorFlow graph.

TensorFlow's decoder ignores what a camera has noted in EXIF, so a server would see a portrait lying
on its side. Prepared pictures have been turned already.

Source: CIPA DC-008 (Exif 2.32), JEITA CP-3451; TIFF 6.0, section 2.
"""

from __future__ import annotations

import tensorflow as tf

# EXIF comes before the pixels and is at most one segment of 64 KiB; other segments may precede it.
_BYTES_SEARCHED = 2**17
_MARK = b"Exif\0\0"
_ORIENTATION_TAG = 0x0112
_MOST_ENTRIES = 64
_BYTES_PER_ENTRY = 12


def exif_orientation(image_bytes: tf.Tensor) -> tf.Tensor:
    """Reads the orientation tag.

    Args:
        image_bytes: scalar string, the content of a file.

    Returns:
        int32 scalar in 1..8; 1, which means upright, if nothing is noted or it makes no sense.
    """
    head = tf.io.decode_raw(tf.strings.substr(image_bytes, 0, _BYTES_SEARCHED), tf.uint8)
    head = tf.cast(head, tf.int32)
    start = _find(head, _MARK) + len(_MARK)
    is_there = start >= len(_MARK)

    def byte(position: tf.Tensor) -> tf.Tensor:
        """Bytes at positions; zero beyond the end."""
        size = tf.size(head)
        inside = (position >= 0) & (position < size)
        found = tf.gather(head, tf.clip_by_value(position, 0, tf.maximum(size - 1, 0)))
        return tf.where(inside, found, 0)

    def search() -> tf.Tensor:
        is_big_endian = byte(start) == ord("M")

        def number(position: tf.Tensor, num_bytes: int) -> tf.Tensor:
            read = [byte(position + offset) for offset in range(num_bytes)]
            big, little = tf.zeros_like(read[0]), tf.zeros_like(read[0])
            for one, other in zip(read, reversed(read), strict=True):
                big, little = big * 256 + one, little * 256 + other
            return tf.where(is_big_endian, big, little)

        directory = start + number(start + 4, 4)
        count = tf.clip_by_value(number(directory, 2), 0, _MOST_ENTRIES)
        entries = directory + 2 + _BYTES_PER_ENTRY * tf.range(count)
        values = tf.boolean_mask(
            number(entries + 8, 2), tf.equal(number(entries, 2), _ORIENTATION_TAG)
        )
        value = tf.concat([values, [1]], axis=0)[0]
        return tf.where((value >= 1) & (value <= 8), value, 1)

    return tf.cond(is_there, search, lambda: tf.constant(1))


def turn_upright(picture: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors a picture as EXIF asks for.

    Args:
        picture: [H, W, C].
        orientation: int32 scalar in 1..8.

    Returns:
        [H, W, C], or [W, H, C] for 5 to 8.
    """
    is_transposed = orientation >= 5
    picture = tf.cond(
        is_transposed, lambda: tf.transpose(picture, [1, 0, 2]), lambda: tf.identity(picture)
    )
    flips_rows = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    flips_columns = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    picture = tf.cond(flips_rows, lambda: tf.reverse(picture, [0]), lambda: tf.identity(picture))
    return tf.cond(flips_columns, lambda: tf.reverse(picture, [1]), lambda: tf.identity(picture))


def _find(values: tf.Tensor, pattern: bytes) -> tf.Tensor:
    """Where a pattern begins in int32 [N]; minus its length if nowhere."""
    num_starts = tf.maximum(tf.size(values) - len(pattern) + 1, 0)
    is_match = tf.ones([num_starts], tf.bool)
    for offset, wanted in enumerate(pattern):
        is_match &= values[offset : offset + num_starts] == wanted
    # One more that always matches, for where there is none.
    padded = tf.cast(tf.concat([is_match, [True]], axis=0), tf.int8)
    position = tf.argmax(padded, output_type=tf.int32)
    return tf.where(position < num_starts, position, -len(pattern))
