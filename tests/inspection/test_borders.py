from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from artstyle_tf.inspection.pixel_measures import find_border


def noise_image(seed, size=(220, 180)):
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 255, (24, 30, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def border_of(image):
    return find_border(np.asarray(image, np.float32).transpose(2, 0, 1))


def in_jpeg(image, quality=70):
    import io

    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.mark.parametrize("color", ["white", "black", (200, 180, 150)])
@pytest.mark.parametrize(("thickness", "is_jpeg"), [(5, False), (16, True), (40, True)])
def test_margins_are_measured(color, thickness, is_jpeg):
    image = ImageOps.expand(noise_image(0), thickness, color)
    found = border_of(in_jpeg(image) if is_jpeg else image)
    assert found.kind == "border"
    height, width = 180 + 2 * thickness, 220 + 2 * thickness
    wanted = [thickness / height, thickness / width] * 2
    # JPEG smears the edge over its blocks, which with halved colors are of 16 pixels.
    assert found.shares == pytest.approx(wanted, abs=(13 if is_jpeg else 0.5) / height)


def test_each_side_is_distinguished():
    image = Image.new("RGB", (220 + 30, 180 + 70), "white")
    image.paste(noise_image(1), (10, 20))
    found = border_of(image)
    assert found.shares == pytest.approx((20 / 250, 20 / 250, 50 / 250, 10 / 250), abs=0.005)


def test_bars_on_two_sides_are_margins_and_a_strip_on_one_is_none():
    assert border_of(ImageOps.expand(noise_image(2), (0, 20), "black")).kind == "border"
    strip = Image.new("RGB", (220, 200), "white")
    strip.paste(noise_image(2), (0, 20))
    assert border_of(strip).kind == ""


def test_a_frame_has_straight_edges_on_all_four_sides():
    wood = np.random.default_rng(3).normal(70, 12, (190, 240, 3))
    frame = Image.fromarray(wood.clip(0, 255).astype(np.uint8))
    bright = Image.fromarray((0.4 * np.asarray(noise_image(3, (200, 150))) + 140).astype(np.uint8))
    frame.paste(bright, (20, 20))
    found = border_of(frame)
    assert found.kind == "frame"
    assert found.shares == pytest.approx((20 / 190, 20 / 240, 20 / 190, 20 / 240), abs=0.02)
    frame.paste(noise_image(4, (240, 100)), (0, 90))  # three sides are no frame
    assert border_of(frame).kind == ""


def test_ordinary_images_have_neither():
    assert [border_of(noise_image(seed)).kind for seed in range(30)] == [""] * 30


def test_an_image_of_one_color_and_a_stamp_have_none():
    assert border_of(Image.new("RGB", (100, 100), "white")).kind == ""
    assert border_of(ImageOps.expand(noise_image(5, (20, 20)), 5, "white")).kind == ""
