"""Reading strip by strip gives the same pixels as reading at once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.images.reading import color_conversion as color_conversion
from artstyle_tf.images.reading import image_reading as image_reading
from artstyle_tf.images.reading import large_images as large_images
from artstyle_tf.images.reading.image_reading import decode_image
from artstyle_tf.images.reading.pixels import reduce_image

MODES = {
    "RGB": "PNG",
    "RGBA": "PNG",
    "P": "GIF",
    "L": "JPEG",
    "CMYK": "JPEG",
    "LAB": "TIFF",
    "F": "TIFF",
    "I": "TIFF",
    "1": "PNG",
}


def file_of(mode, *, size=(331, 217), orientation=1):
    low = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    image = Image.fromarray(low).resize(size, Image.Resampling.BICUBIC)
    image = image.convert("L").convert(mode) if mode in "FI1" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, MODES[mode], **({"exif": exif} if orientation > 1 else {}))
    return buffer.getvalue()


def at_once(monkeypatch, content, **options):
    with monkeypatch.context() as patch:
        patch.setitem(color_conversion.strips_in_srgb.__kwdefaults__, "pixels_at_once", 10**9)
        return decode_image(content, **options).pixels


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("max_side_px", [None, 300, 100, 33, 7])
def test_strips_change_nothing(mode, max_side_px, monkeypatch):
    content = file_of(mode)
    whole = at_once(monkeypatch, content)
    patched = color_conversion.strips_in_srgb.__kwdefaults__
    monkeypatch.setitem(patched, "pixels_at_once", 5000)
    pixels = decode_image(content, max_side_px=max_side_px).pixels
    np.testing.assert_array_equal(pixels, reduce_image(whole, max_side_px))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("max_side_px", [None, 50])
def test_turned_images_are_those_that_pillow_turns(orientation, max_side_px, monkeypatch):
    turn = {1: None, **image_reading._TURN_BY_ORIENTATION}[orientation]
    content = file_of("RGB", orientation=orientation)
    upright = Image.fromarray(at_once(monkeypatch, file_of("RGB")))
    expected = np.asarray(upright if turn is None else upright.transpose(turn))
    patched = color_conversion.strips_in_srgb.__kwdefaults__
    monkeypatch.setitem(patched, "pixels_at_once", 5000)
    pixels = decode_image(content, max_side_px=max_side_px).pixels
    np.testing.assert_array_equal(pixels, reduce_image(expected, max_side_px))


def test_one_large_image_at_a_time(monkeypatch):
    held = []

    class Turn:
        def __enter__(self):
            held.append(True)

        def __exit__(self, *exception):
            held.append(False)

    monkeypatch.setattr(large_images, "_turn", Turn())
    with large_images.alone_if_large(16_000_000):
        assert held == []
    with large_images.alone_if_large(16_000_001):
        assert held == [True]
    assert held == [True, False]


def test_formats_whose_decoders_hold_copies_have_lower_limits():
    image = Image.new("RGB", (2, 2))
    assert large_images.most_pixels(image, large_images.MAX_PIXELS) == 100_000_000
    image.format = "WEBP"
    assert large_images.most_pixels(image, large_images.MAX_PIXELS) == 40_000_000
    assert large_images.most_pixels(image, 7) == 7
    image.format, image.info["progressive"] = "JPEG", 1
    assert large_images.most_pixels(image, large_images.MAX_PIXELS) == 80_000_000
