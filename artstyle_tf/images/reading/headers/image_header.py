"""What the header of an image says, before anything is decoded."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class ImageHeader(NamedTuple):
    """Facts about one file, all of them scalar tensors.

    Attributes:
        width: int64, in pixels; 0 if no size was found.
        height: int64.
        exif: int32, where a block of EXIF begins, a TIFF header; 0 for none.
        has_xmp: bool, whether XMP may note an orientation where EXIF does not.
        content: string, what is to be decoded; of an animation the first image only.
        fault: string, why it must not be decoded; "" if nothing speaks against it.
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
    """Make a header whose parts have the types that all formats share."""
    return ImageHeader(
        width=tf.cast(width, tf.int64),
        height=tf.cast(height, tf.int64),
        exif=tf.convert_to_tensor(exif, tf.int32),
        has_xmp=tf.convert_to_tensor(has_xmp, tf.bool),
        content=content,
        fault=tf.convert_to_tensor(fault, tf.string),
    )
