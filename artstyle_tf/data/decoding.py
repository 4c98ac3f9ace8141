"""Bytes -> picture of the network's size; training, evaluation and serving share it."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from artstyle_tf.data.orientation import exif_orientation, turn_upright

AspectPolicy = Literal["squash", "crop", "pad"]


def decode_picture(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG, PNG, GIF (first frame), BMP or WebP.

    Args:
        image_bytes: scalar string, the content of a file.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no whole picture.
    """
    picture = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    return tf.ensure_shape(picture, [None, None, 3])


def decode_unprepared_picture(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes a file as it comes, nearly as `data.preparation` would have shown it.

    Turned by EXIF if it is a JPEG, transparent parts on white. What TensorFlow cannot do is left
    out: embedded colour profiles, TIFF and AVIF.

    Args:
        image_bytes: scalar string, the content of a JPEG, PNG, GIF (first frame), BMP or WebP.

    Returns:
        uint8 [H, W, 3], RGB; of a prepared picture the same as `decode_picture`.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no whole picture.
    """
    picture = tf.io.decode_image(image_bytes, channels=0, expand_animations=False)
    picture = tf.ensure_shape(picture, [None, None, None])
    picture = turn_upright(picture, exif_orientation(image_bytes))
    num_channels = tf.shape(picture)[2]
    has_alpha = tf.reduce_any(tf.equal(num_channels, [2, 4]))  # grey or RGB before it
    colours = tf.cond(has_alpha, lambda: _on_white(picture), lambda: picture)
    colours = tf.cond(
        num_channels < 3, lambda: tf.repeat(colours, 3, axis=2), lambda: tf.identity(colours)
    )
    return tf.ensure_shape(colours, [None, None, 3])


def resize_picture(picture: tf.Tensor, *, image_size_px: int, aspect: AspectPolicy) -> tf.Tensor:
    """Resizes with antialiasing to the square the network takes.

    The result is rounded to whole levels, as 8-bit image libraries do. So keeping it as uint8
    loses nothing, and a picture that was kept is the picture that a server would see.

    Args:
        picture: uint8 [H, W, 3].
        image_size_px: side S of the result, in pixels.
        aspect: "squash" changes the proportions, "crop" keeps the central square, "pad" keeps
            everything on a grey ground.

    Returns:
        uint8 [S, S, 3].
    """
    if aspect == "crop":
        picture = _central_square(picture)
    size = [image_size_px, image_size_px]
    if aspect == "pad":
        resized = _resize_into_grey_square(picture, image_size_px)
    else:
        resized = tf.image.resize(picture, size, method="bilinear", antialias=True)
    levels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(levels, [image_size_px, image_size_px, 3])


def _on_white(picture: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, C + 1] with transparency last -> uint8 [H, W, C], rounded as Pillow does."""
    levels = tf.cast(picture, tf.int32)
    colours, alpha = tf.split(levels, [tf.shape(levels)[2] - 1, 1], axis=2)
    mixed = colours * alpha + 255 * (255 - alpha) + 128
    return tf.cast((mixed + mixed // 256) // 256, tf.uint8)


def _central_square(picture: tf.Tensor) -> tf.Tensor:
    height, width = tf.unstack(tf.shape(picture)[:2])
    side = tf.minimum(height, width)
    return tf.image.crop_to_bounding_box(
        picture, (height - side) // 2, (width - side) // 2, side, side
    )


def _resize_into_grey_square(picture: tf.Tensor, image_size_px: int) -> tf.Tensor:
    grey = 127.0
    resized = tf.image.resize(
        picture,
        [image_size_px, image_size_px],
        method="bilinear",
        preserve_aspect_ratio=True,
        antialias=True,
    )
    height, width = tf.unstack(tf.shape(resized)[:2])
    top, left = (image_size_px - height) // 2, (image_size_px - width) // 2
    padded = tf.image.pad_to_bounding_box(resized - grey, top, left, image_size_px, image_size_px)
    return padded + grey
