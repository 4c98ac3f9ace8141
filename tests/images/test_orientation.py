from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from artstyle_tf.images.reading.decoding import (
    decode_image,
    decode_unprepared_image,
    orientation_of,
    turn_upright,
)
from artstyle_tf.images.reading.headers.reading import read_header
from artstyle_tf.images.reading.image_reading import decode_image as decode_by_pillow

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (12, 20, 3), dtype=np.uint8)
ALPHA = Image.fromarray(GENERATOR.integers(0, 256, (12, 20), dtype=np.uint8))
ORIENTATION, MAKER = 0x0112, 0x010F


def encode(image, file_format, **options):
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def with_orientation(number, *, maker=None, big_endian=False):
    exif = Image.Exif()
    exif.endian = ">" if big_endian else "<"
    exif[ORIENTATION] = number
    if maker is not None:
        exif[MAKER] = maker
    return encode(Image.fromarray(PIXELS), "JPEG", exif=exif)


def exif_orientation(content):
    return orientation_of(content, read_header(content))


def decode(content):
    return decode_unprepared_image(tf.constant(content)).numpy()


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("big_endian", [False, True])
def test_a_turned_jpeg_is_shown_as_pillow_shows_it(number, big_endian):
    content = with_orientation(number, maker="a camera" * 9, big_endian=big_endian)
    assert exif_orientation(tf.constant(content)).numpy() == number
    pixels = decode_by_pillow(content).pixels
    turned = decode(content)
    assert turned.shape == pixels.shape
    # The two decoders differ by some levels in any JPEG.
    assert np.abs(turned.astype(int) - pixels).max() <= 8


@pytest.mark.parametrize("number", range(1, 9))
def test_turning_is_exact(number):
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    image = Image.fromarray(pixels)
    image.getexif()[ORIENTATION] = number
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(image))
    turned = turn_upright(tf.constant(pixels), tf.constant(number)).numpy()
    np.testing.assert_array_equal(turned, expected)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",  # a directory far outside
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03\0\0\0\x01\0\x09\0\0",  # number 9
        encode(Image.fromarray(PIXELS), "JPEG"),
        encode(Image.fromarray(PIXELS), "PNG"),
    ],
)
def test_without_an_orientation_images_are_upright(content):
    assert exif_orientation(tf.constant(content)).numpy() == 1


def rgba():
    image = Image.fromarray(PIXELS)
    image.putalpha(ALPHA)
    return image


def gray_alpha():
    image = Image.fromarray(PIXELS).convert("L")
    image.putalpha(ALPHA)
    return image


LOSSLESS = {
    "rgb": encode(Image.fromarray(PIXELS), "PNG"),
    "gray": encode(Image.fromarray(PIXELS).convert("L"), "PNG"),
    "one bit": encode(Image.fromarray(PIXELS).convert("1"), "PNG"),
    "palette": encode(Image.fromarray(PIXELS).quantize(64), "PNG"),
    "transparent palette": encode(Image.fromarray(PIXELS).quantize(64), "PNG", transparency=5),
    "alpha": encode(rgba(), "PNG"),
    "gray and alpha": encode(gray_alpha(), "PNG"),
    "lossy WebP": encode(Image.fromarray(PIXELS), "WEBP"),
    "WebP with alpha": encode(rgba(), "WEBP", lossless=True),
    "GIF": encode(Image.fromarray(PIXELS).quantize(64), "GIF"),
    "BMP": encode(Image.fromarray(PIXELS), "BMP"),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_every_kind_of_image_is_shown_as_preparation_shows_it(kind):
    content = LOSSLESS[kind]
    np.testing.assert_array_equal(decode(content), decode_by_pillow(content).pixels)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_jpegs_are_nearly_the_same(mode):
    content = encode(Image.fromarray(PIXELS).convert(mode), "JPEG")
    assert np.abs(decode(content).astype(int) - decode_by_pillow(content).pixels).max() <= 8


def test_a_prepared_image_is_decoded_as_in_training():
    for content in (encode(Image.fromarray(PIXELS), "JPEG"), LOSSLESS["rgb"]):
        np.testing.assert_array_equal(decode(content), decode_image(tf.constant(content)))
