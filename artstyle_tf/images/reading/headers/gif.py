"""GIF: the size, and the file cut off after its first image.

TensorFlow decodes all images of an animation before it returns the first one, so the others are cut
off. It leaves transparent pixels black, so the block that declares them is left out, and their
color is set to white.

Source: CompuServe, Graphics Interchange Format, version 89a.
"""

from __future__ import annotations

import tensorflow as tf

from artstyle_tf.images.reading.headers.byte_strings import (
    ImageHeader,
    bytes_at,
    has,
    header_of,
    little_endian,
    part,
)

MARK = b"GIF8"

_SCREEN_END = 13
_EXTENSION, _IMAGE = 0x21, 0x2C
_GRAPHIC_CONTROL = b"\x21\xf9\x04"
_MAX_EXTENSIONS = 64
_MAX_RUNS = 4096
"""Of data blocks of equal length in a row; encoders write one length but for the last block."""

_IMAGE_DESCRIPTOR = 10
_WHITE = b"\xff\xff\xff"


def read_gif_header(content: tf.Tensor) -> ImageHeader:
    """Find the first image of a scalar string that begins with `MARK`."""
    raw = tf.io.decode_raw(content, tf.uint8)
    screen = bytes_at(content, 6, 5)
    colors = _SCREEN_END + _table_bytes(screen[4])
    image, transparent = _find_image(content, raw, colors)
    descriptor = bytes_at(content, image, _IMAGE_DESCRIPTOR)
    corner, sides = descriptor[1:5], descriptor[5:9]
    fills_screen = tf.reduce_all(sides == screen[:4]) & tf.reduce_all(corner == 0)
    data = image + _IMAGE_DESCRIPTOR + _table_bytes(descriptor[9])
    end = _end_of_blocks(raw, data + 1)  # one byte is the length of codes
    first = tf.strings.join([part(content, 0, colors), part(content, image, end), b";"])
    table = tf.where(_has_table(descriptor[9]), colors + _IMAGE_DESCRIPTOR, _SCREEN_END)
    table_bytes = _table_bytes(tf.where(_has_table(descriptor[9]), descriptor[9], screen[4]))
    color = table + 3 * transparent
    is_in_table = (transparent >= 0) & (3 * transparent < table_bytes)
    first = tf.cond(is_in_table, lambda: _with_white(first, color), lambda: first)
    fault = tf.where(fills_screen, "", "a GIF whose first image does not fill its screen")
    fault = tf.where(end < 0, "damaged: a GIF without an end", fault)
    fault = tf.where(image < tf.size(raw), fault, "damaged: a GIF without an image")
    return header_of(
        first,
        width=tf.maximum(little_endian(sides[:2]), little_endian(screen[:2])),
        height=tf.maximum(little_endian(sides[2:]), little_endian(screen[2:4])),
        fault=fault,
    )


def _find_image(
    content: tf.Tensor, raw: tf.Tensor, start: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where the first image descriptor begins, and the number of the transparent color.

    The end of the file without a descriptor; -1 without a transparent color.
    """

    def goes_on(position: tf.Tensor, step: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        is_extension = bytes_at(content, position, 1)[0] == _EXTENSION
        return is_extension & (position < tf.size(raw)) & (step < _MAX_EXTENSIONS)

    def next_block(
        position: tf.Tensor, step: tf.Tensor, transparent: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        head = bytes_at(content, position, 8)
        noted = tf.where(tf.math.floormod(head[3], 2) == 1, head[6], -1)
        is_control = has(content, position, _GRAPHIC_CONTROL)
        end = _end_of_blocks(raw, position + 2)
        return (
            tf.where(end < 0, tf.size(raw), end),
            step + 1,
            tf.where(is_control, noted, transparent),
        )

    position, _, transparent = tf.while_loop(
        goes_on, next_block, (start, tf.constant(0), tf.constant(-1))
    )
    is_image = bytes_at(content, position, 1)[0] == _IMAGE
    return tf.where(is_image, position, tf.size(raw)), transparent


def _end_of_blocks(raw: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Follow data blocks, each of which begins with its length, to the end of the empty one.

    Blocks of equal length in a row are one step. `raw` is uint8 [N]. Returns an int32 scalar, -1
    without an empty block.
    """
    size = tf.size(raw)

    def goes_on(position: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        inside = tf.minimum(position, size - 1)
        return (position < size) & (raw[inside] > 0) & (step < _MAX_RUNS)

    def next_run(position: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        block = raw[position]
        stride = tf.cast(block, tf.int32) + 1
        differs = tf.concat([raw[position::stride] != block, [True]], axis=0)
        run = tf.argmax(tf.cast(differs, tf.int8), output_type=tf.int32)
        return position + run * stride, step + 1

    position, _ = tf.while_loop(goes_on, next_run, (start, tf.constant(0)))
    inside = tf.minimum(position, size - 1)
    is_end = (position < size) & (raw[inside] == 0)
    return tf.where(is_end, position + 1, -1)


def _with_white(content: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    behind = position + len(_WHITE)
    return tf.strings.join(
        [part(content, 0, position), _WHITE, part(content, behind, tf.strings.length(content))]
    )


def _has_table(flags: tf.Tensor) -> tf.Tensor:
    return flags >= 0x80


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Return the size of the color table that follows, by the byte that declares it."""
    return tf.where(
        _has_table(flags), 3 * tf.bitwise.left_shift(1, tf.math.floormod(flags, 8) + 1), 0
    )
