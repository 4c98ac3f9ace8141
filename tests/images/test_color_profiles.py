"""Color profiles of files are applied, at every bit depth and with transparency."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from image_files import chunk, icc_profile, png
from PIL import Image, ImageCms

from artstyle_tf.images.reading.image_reading import decode_image

# Linear light of 55 of 255 is shown as 128 (IEC 61966-2-1).
LINEAR, SHOWN = 55, 128
LINEAR_GRAY = icc_profile("GRAY", gamma=1.0, name="linear gray")
WIDE = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def first_pixel(content):
    return decode_image(content).pixels[0, 0].tolist()


def gray(mode):
    if mode == "I;16":
        return Image.fromarray(np.full((4, 4), LINEAR * 257, np.uint16))
    return Image.new(mode, (4, 4), LINEAR if mode == "L" else (LINEAR, 255))


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [
        ("L", "PNG"),
        ("L", "JPEG"),
        ("L", "TIFF"),
        ("LA", "PNG"),
        ("LA", "TIFF"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
    ],
)
def test_a_gray_profile_is_followed_in_every_depth(mode, file_format):
    content = encoded(gray(mode), file_format, icc_profile=LINEAR_GRAY)
    assert first_pixel(content) == pytest.approx([SHOWN] * 3, abs=1)


def two_by_two(depth, kind, *samples, extra=b""):
    letter = "H" if depth == 16 else "B"
    row = b"\0" + struct.pack(f">{len(samples)}{letter}", *samples) * 2
    return png((2, 2), depth, kind, row * 2, extra)


def test_a_gray_profile_is_followed_in_16_bits_with_alpha():
    iccp = chunk(b"iCCP", b"x\0\0" + zlib.compress(LINEAR_GRAY))
    content = two_by_two(16, 4, LINEAR * 257, 65535, extra=iccp)
    assert first_pixel(content) == pytest.approx([SHOWN] * 3, abs=1)


def test_dark_16_bit_gray_keeps_its_levels():
    values = np.arange(0, 2570, 10, dtype=np.uint16)[None]
    content = encoded(Image.fromarray(values), "PNG", icc_profile=LINEAR_GRAY)
    assert len(np.unique(decode_image(content).pixels)) > 40  # 8 bits would leave 11


@pytest.mark.parametrize("name", ["linear", "sRGB linear", "sRGB IEC61966-2.1"])
def test_a_profile_is_recognized_by_its_effect(name):
    profile = icc_profile("RGB", gamma=1.0, name=name)
    content = encoded(Image.new("RGB", (4, 4), (LINEAR,) * 3), "PNG", icc_profile=profile)
    assert first_pixel(content) == pytest.approx([SHOWN] * 3, abs=1)
    assert not decode_image(content).is_plain


def test_wide_primaries_under_the_name_of_srgb_are_followed():
    profile = icc_profile("RGB", gamma=2.2, name="sRGB", columns=WIDE)
    content = encoded(Image.new("RGB", (4, 4), (200, 50, 50)), "PNG", icc_profile=profile)
    assert first_pixel(content) == pytest.approx([219, 14, 35], abs=4)


def test_srgb_itself_stays_plain():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG", icc_profile=profile)
    assert decode_image(content).is_plain


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_gray_profile_of_a_color_image_is_a_mistake(mode):
    image = Image.new("RGB", (4, 4), (LINEAR, 128, 200))
    image = image.quantize(2) if mode == "P" else image.convert(mode)
    content = encoded(image, "PNG", icc_profile=LINEAR_GRAY)
    assert first_pixel(content) == pytest.approx([LINEAR, 128, 200], abs=1)


def gamma(value):
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def primaries(*values):
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
DISPLAY_P3 = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


@pytest.mark.parametrize(
    ("depth", "kind", "samples"),
    [
        (8, 0, (55,)),
        (8, 2, (55,) * 3),
        (16, 0, (55 * 257,)),
        (16, 2, (55 * 257,) * 3),
        (8, 4, (55, 255)),
        (16, 4, (55 * 257, 65535)),
        (8, 6, (55, 55, 55, 255)),
    ],
)
def test_the_gamma_of_a_png_is_followed(depth, kind, samples):
    content = two_by_two(depth, kind, *samples, extra=gamma(1.0))
    assert first_pixel(content) == pytest.approx([SHOWN] * 3, abs=1)


@pytest.mark.parametrize(
    "extra",
    [
        gamma(0.45455),
        gamma(1 / 2.2) + primaries(*SRGB),
        chunk(b"sRGB", b"\0") + gamma(1.0),
        gamma(0.0),
        gamma(0.00001),
        gamma(20_000),
        gamma(0.45455) + primaries(*[0] * 8),
    ],
)
def test_a_png_that_declares_srgb_or_nonsense_stays_as_it_is(extra):
    content = two_by_two(8, 2, 55, 128, 200, extra=extra)
    assert first_pixel(content) == [55, 128, 200]
    assert decode_image(content).is_plain


def test_the_primaries_of_a_png_are_followed():
    content = two_by_two(8, 2, 200, 50, 50, extra=gamma(0.45455) + primaries(*DISPLAY_P3))
    assert first_pixel(content) == pytest.approx([219, 14, 35], abs=2)


@pytest.mark.parametrize(("depth", "value"), [(1, 1), (2, 2), (4, 8), (8, 99), (16, 14_135)])
@pytest.mark.parametrize("is_hit", [True, False])
def test_a_transparent_gray_is_put_on_white_in_every_depth(depth, value, is_hit):
    declared = value if is_hit else value - 1
    rows = b"\0" + struct.pack(">H", value) * 2 if depth == 16 else b"\0"
    if depth < 16:
        bits = "".join(format(value, f"0{depth}b") * 2).ljust(16, "0")
        rows += int(bits, 2).to_bytes(2, "big")[: -(-2 * depth // 8)]
    content = png((2, 2), depth, 0, rows * 2, chunk(b"tRNS", struct.pack(">H", declared)))
    expected = 255 if is_hit else round(value * 255 / (2**depth - 1))
    assert first_pixel(content) == [expected] * 3
