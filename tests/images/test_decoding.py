from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from artstyle_tf.images.reading.decoding import decode_image, resize_image


def encode(pixels, format_name, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format_name, **options)
    return stream.getvalue()


def gradient(height, width):
    rows = np.linspace(0, 255, height)[:, None, None]
    columns = np.linspace(0, 255, width)[None, :, None]
    return np.round((rows + columns) / 2 * np.array([1.0, 0.8, 0.6])).astype(np.uint8)


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "GIF", "JPEG"])
def test_bytes_become_rgb(format_name):
    pixels = gradient(20, 30)
    decoded = decode_image(tf.constant(encode(pixels, format_name))).numpy()
    assert decoded.shape == (20, 30, 3)
    assert decoded.dtype == np.uint8
    tolerance = {"JPEG": 12, "GIF": 40}.get(format_name, 0)
    assert np.abs(decoded.astype(int) - pixels).max() <= tolerance


def test_a_gray_image_gets_three_channels():
    decoded = decode_image(tf.constant(encode(gradient(8, 8)[..., 0], "PNG"))).numpy()
    assert decoded.shape == (8, 8, 3)
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 2])


@pytest.mark.parametrize("content", [b"", b"not an image", encode(gradient(40, 40), "JPEG")[:200]])
def test_broken_bytes_raise(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(content))


@pytest.mark.parametrize("aspect", ["squash", "crop", "pad"])
@pytest.mark.parametrize("shape", [(20, 60), (60, 20), (7, 7), (1, 50), (1, 1)])
def test_every_shape_becomes_the_square(aspect, shape):
    resized = resize_image(tf.constant(gradient(*shape)), image_size_px=32, aspect=aspect)
    assert resized.shape == (32, 32, 3)
    assert resized.dtype == tf.uint8


@pytest.mark.parametrize("shape", [(1, 700), (700, 1), (2, 30_000), (30_000, 2), (65, 1), (1, 65)])
@pytest.mark.parametrize("aspect", ["squash", "crop", "pad"])
def test_a_thin_image_keeps_at_least_one_row(aspect, shape):
    pixels = np.full((*shape, 3), 200, np.uint8)
    resized = resize_image(tf.constant(pixels), image_size_px=32, aspect=aspect).numpy()
    if aspect != "pad":
        assert (resized == 200).all()
    else:
        lines = resized if shape[0] < shape[1] else resized.swapaxes(0, 1)
        assert ((lines == 200).all(axis=(1, 2))).sum() == 1
        assert ((lines == 127).all(axis=(1, 2))).sum() == 31


@pytest.mark.parametrize("shape", [(20, 61), (61, 20), (33, 32), (7, 300), (50, 49), (129, 1000)])
def test_padding_resizes_as_tensorflow_does_where_that_works(shape):
    pixels = tf.constant(gradient(*shape))
    inside = tf.image.resize(
        pixels, [32, 32], method="bilinear", preserve_aspect_ratio=True, antialias=True
    ).numpy()
    height, width = inside.shape[:2]
    top, left = (32 - height) // 2, (32 - width) // 2
    padded = resize_image(pixels, image_size_px=32, aspect="pad").numpy()
    np.testing.assert_array_equal(
        padded[top : top + height, left : left + width], np.round(inside).astype(np.uint8)
    )


def test_an_image_of_the_right_size_is_left_alone():
    pixels = gradient(32, 32)
    for aspect in ("squash", "crop", "pad"):
        resized = resize_image(tf.constant(pixels), image_size_px=32, aspect=aspect)
        np.testing.assert_array_equal(resized, pixels)


def test_shrinking_averages_instead_of_skipping():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    resized = resize_image(tf.constant(pixels), image_size_px=16, aspect="squash").numpy()
    assert np.abs(resized.astype(int) - 127).max() < 12


def test_crop_keeps_the_center_and_pad_keeps_everything_on_gray():
    pixels = np.zeros((30, 90, 3), np.uint8)
    pixels[:, 30:60] = 200
    crop = resize_image(tf.constant(pixels), image_size_px=30, aspect="crop").numpy()
    assert (crop == 200).all()
    pad = resize_image(tf.constant(pixels), image_size_px=30, aspect="pad").numpy()
    assert (pad[:10] == 127).all()
    assert (pad[20:] == 127).all()
    assert pad[15, 15, 0] == 200
    assert pad[15, 1, 0] == 0
