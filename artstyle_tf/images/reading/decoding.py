"""Bytes -> image of the network's size, for training, evaluation and serving."""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import ImageHeader
from artstyle_tf.images.reading.headers.reading import read_header
from artstyle_tf.images.reading.orientation import orientation_of, turn_upright
from artstyle_tf.images.settings import AspectPolicy

_PIXELS_OF_A_STRIP = 2**19


def decode_image(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decode a scalar string, a JPEG, PNG, GIF (first frame), BMP or WebP: uint8 [H, W, 3], RGB.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no intact image.
    """
    image = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def decode_unprepared_image(image_bytes: tf.Tensor, header: ImageHeader | None = None) -> tf.Tensor:
    """Decode an unprepared file nearly as `images.preparation.preparation` would have decoded it.

    Turned by EXIF or XMP, transparent parts on white. Embedded color profiles, TIFF and AVIF are
    left out, because TensorFlow cannot read them.

    Args:
        image_bytes: scalar string, the content of a JPEG, PNG, GIF (first frame), BMP or WebP.
        header: of this file, if it has been read already.

    Returns:
        uint8 [H, W, 3], RGB; for a prepared image the same as `decode_image`.

    Raises:
        tf.errors.InvalidArgumentError: if the bytes are no intact image.
    """
    if header is None:
        header = read_header(image_bytes)
    check = tf.debugging.Assert(tf.equal(header.fault, ""), [header.fault])
    with tf.control_dependencies([check]):
        content = tf.identity(header.content)
    image = tf.io.decode_image(content, channels=0, expand_animations=False)
    image = tf.ensure_shape(image, [None, None, None])
    image = turn_upright(image, orientation_of(image_bytes, header))
    num_channels = tf.shape(image)[2]
    has_alpha = tf.reduce_any(tf.equal(num_channels, [2, 4]))  # gray or RGB before it
    colors = tf.cond(has_alpha, lambda: _on_white(image), lambda: image)
    colors = tf.cond(
        num_channels < 3, lambda: tf.repeat(colors, 3, axis=2), lambda: tf.identity(colors)
    )
    return tf.ensure_shape(colors, [None, None, 3])


def resize_image(image: tf.Tensor, *, image_size_px: int, aspect: AspectPolicy) -> tf.Tensor:
    """Resize uint8 [H, W, 3] with antialiasing to the network's input: uint8 [S, S, 3].

    The result is rounded to whole levels, as 8-bit image libraries do. So storing it as uint8 loses
    nothing, and a stored image is the image that a server would see.

    Args:
        image: uint8 [H, W, 3].
        image_size_px: side S of the result, in pixels.
        aspect: "squash" changes the proportions, "crop" keeps the central square, "pad" keeps
            everything on a gray background.
    """
    if aspect == "crop":
        image = _central_square(image)
    size = [image_size_px, image_size_px]
    if aspect == "pad":
        resized = _resize_into_gray_square(image, image_size_px)
    else:
        resized = tf.image.resize(image, size, method="bilinear", antialias=True)
    levels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(levels, [image_size_px, image_size_px, 3])


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """Blend uint8 [H, W, C + 1], alpha last, with white to uint8 [H, W, C], rounded as Pillow does.

    Strip by strip, because wider numbers take 20 times the memory of the image.
    """
    height, width, num_channels = tf.unstack(tf.shape(image))
    rows = tf.maximum(_PIXELS_OF_A_STRIP // tf.maximum(width, 1), 1)
    num_strips = (height + rows - 1) // rows
    strips = tf.TensorArray(
        tf.uint8, size=num_strips, element_shape=[None, None, None], infer_shape=False
    )

    def add_strip(number: tf.Tensor, strips: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        strip = _strip_on_white(image[number * rows : (number + 1) * rows])
        return number + 1, strips.write(number, strip)

    _, strips = tf.while_loop(
        lambda number, _: number < num_strips,
        add_strip,
        (tf.constant(0), strips),
        parallel_iterations=1,
    )
    return tf.reshape(strips.concat(), [height, width, num_channels - 1])


def _strip_on_white(image: tf.Tensor) -> tf.Tensor:
    levels = tf.cast(image, tf.int32)
    colors, alpha = tf.split(levels, [tf.shape(levels)[2] - 1, 1], axis=2)
    mixed = colors * alpha + 255 * (255 - alpha) + 128
    return tf.cast((mixed + mixed // 256) // 256, tf.uint8)


def _central_square(image: tf.Tensor) -> tf.Tensor:
    height, width = tf.unstack(tf.shape(image)[:2])
    side = tf.minimum(height, width)
    return tf.image.crop_to_bounding_box(
        image, (height - side) // 2, (width - side) // 2, side, side
    )


def _resize_into_gray_square(image: tf.Tensor, image_size_px: int) -> tf.Tensor:
    gray = 127.0
    size = _size_within(tf.shape(image)[:2], image_size_px)
    resized = tf.image.resize(image, size, method="bilinear", antialias=True)
    height, width = tf.unstack(size)
    top, left = (image_size_px - height) // 2, (image_size_px - width) // 2
    padded = tf.image.pad_to_bounding_box(resized - gray, top, left, image_size_px, image_size_px)
    return padded + gray


def _size_within(size: tf.Tensor, image_size_px: int) -> tf.Tensor:
    """Return height and width, int32 [2], of an image resized to fit a square.

    As `tf.image.resize` with `preserve_aspect_ratio`, but at least 1: of a very thin image that
    rounds a side to nothing, and fails.
    """
    floats = tf.cast(size, tf.float32)
    scale = tf.reduce_min(tf.cast(image_size_px, tf.float32) / floats)
    return tf.maximum(tf.cast(tf.round(scale * floats), tf.int32), 1)
