"""Bytes -> image of the network's size, for training, evaluation and serving.

TensorFlow's decoder ignores EXIF, so a server would see a portrait lying on its side: unprepared
files are turned here. Source: CIPA DC-008 (Exif 2.32), JEITA CP-3451; TIFF 6.0, section 2; ISO
16684-1 (XMP).
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
from artstyle_tf.images.reading.headers.reading import read_header
from artstyle_tf.images.settings import AspectPolicy

_PIXELS_OF_A_STRIP = 2**19

_ORIENTATION_TAG = 0x0112
_SHORT, _LONG = 3, 4
_MAX_ENTRIES = 512
_BYTES_PER_ENTRY = 12
_BYTE_ORDER = {"big": ord("M"), "little": ord("I")}
_XMP_NAMES = (b'tiff:Orientation="', b"tiff:Orientation>")


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
        uint8 [H, W, 3], RGB; for a prepared image the same as `decode_image`, whose errors it
        raises.
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


def orientation_of(image_bytes: tf.Tensor, header: ImageHeader) -> tf.Tensor:
    """Read the orientation of a file from EXIF, and where EXIF has none from XMP, as Pillow does.

    Returns an int32 scalar in 1..8; 1, which means upright, if it is missing or invalid.
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
