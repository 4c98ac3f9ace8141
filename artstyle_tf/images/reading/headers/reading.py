"""The header of an image of any format that a served model decodes."""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers import bmp, gif, jpeg, png, webp
from artstyle_tf.images.reading.headers.byte_strings import has
from artstyle_tf.images.reading.headers.image_header import ImageHeader, header_of

DAMAGED = "damaged: it cannot be decoded"

MOST_SIDE_PX = 16_384
"""Resizing keeps some rows of the full width, however thin an image is."""

_NOT_KNOWN = (
    "no image that is read here; expected a JPEG, PNG, GIF, WebP without animation or BMP of "
    "24 bits, in JSON as base64"
)


def read_header(image_bytes: tf.Tensor) -> ImageHeader:
    """Read the header by the file's first bytes; nothing is decoded, and nothing fails.

    Args:
        image_bytes: scalar string, the content of a file.
    """
    is_webp = has(image_bytes, 0, webp.MARK) & has(image_bytes, 8, webp.KIND)
    kinds = [
        (has(image_bytes, 0, jpeg.MARK), jpeg.read_jpeg_header),
        (has(image_bytes, 0, png.MARK), png.read_png_header),
        (has(image_bytes, 0, gif.MARK), gif.read_gif_header),
        (has(image_bytes, 0, bmp.MARK), bmp.read_bmp_header),
        (is_webp, webp.read_webp_header),
    ]
    matches = tf.stack([matches for matches, _ in kinds] + [tf.constant(True)])
    branches = [lambda read=read: read(image_bytes) for _, read in kinds]
    first = tf.argmax(tf.cast(matches, tf.int8), output_type=tf.int32)
    header = tf.switch_case(first, [*branches, lambda: _unknown(image_bytes)])
    is_empty = (header.fault == "") & ((header.width <= 0) | (header.height <= 0))
    return header._replace(fault=tf.where(is_empty, "damaged: no size is noted", header.fault))


def too_large(header: ImageHeader, max_pixels: int) -> tf.Tensor:
    """Say why an image takes too much memory to decode it.

    Args:
        header: of the image.
        max_pixels: width x height that is allowed.

    Returns:
        Scalar string; "" if it does not.
    """
    width, height = tf.strings.as_string(header.width), tf.strings.as_string(header.height)
    size = tf.strings.join(["too large: ", width, " x ", height, " pixels, "])
    has_long_side = tf.maximum(header.width, header.height) > MOST_SIDE_PX
    # Sides first: their product could be more than 64 bits hold.
    has_many = tf.logical_not(has_long_side) & (header.width * header.height > max_pixels)
    reason = tf.where(has_long_side, size + f"where a side may have {MOST_SIDE_PX}", "")
    return tf.where(has_many, size + f"more than {max_pixels}", reason)


def _unknown(image_bytes: tf.Tensor) -> ImageHeader:
    none = tf.zeros([], tf.int64)
    return header_of(image_bytes, none, none, fault=_NOT_KNOWN)
