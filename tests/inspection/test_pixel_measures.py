from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstyle_tf.inspection.pixel_measures import NUM_BINS, measure_pixels


def image(seed, height=20, width=30):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def naive_measures(pixels):
    rows = [[[int(level) for level in pixel] for pixel in row] for row in pixels]
    flat = [pixel for row in rows for pixel in row]
    gray = [[0.299 * r + 0.587 * g + 0.114 * b for r, g, b in row] for row in rows]
    laplacian = [
        gray[y - 1][x] + gray[y + 1][x] + gray[y][x - 1] + gray[y][x + 1] - 4 * gray[y][x]
        for y in range(1, len(gray) - 1)
        for x in range(1, len(gray[0]) - 1)
    ]
    saturations = [colorsys.rgb_to_hsv(*(level / 255 for level in pixel))[1] for pixel in flat]
    return {
        "red": np.mean([pixel[0] for pixel in flat]),
        "green": np.mean([pixel[1] for pixel in flat]),
        "blue": np.mean([pixel[2] for pixel in flat]),
        "brightness": np.mean(gray),
        "contrast": np.std(gray),
        "saturation": np.mean(saturations),
        "sharpness": np.var(laplacian),
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 12), st.integers(3, 12))
def test_measures_are_those_of_plain_loops(seed, height, width):
    pixels = image(seed, height, width)
    measures, _ = measure_pixels(pixels)
    for name, expected in naive_measures(pixels).items():
        assert getattr(measures, name) == pytest.approx(expected, rel=1e-4, abs=1e-3), name


def test_histograms_are_shares_of_the_pixels():
    pixels = image(1)
    _, histogram = measure_pixels(pixels)
    for channel in range(3):
        counts, _ = np.histogram(pixels[..., channel], bins=NUM_BINS, range=(0, 256))
        np.testing.assert_allclose(histogram[channel], counts / counts.sum(), rtol=1e-6)


def test_a_large_image_is_measured_like_a_small_one():
    small = np.kron(image(2, 8, 12), np.ones((20, 20, 1), dtype=np.uint8))
    large = np.kron(small, np.ones((5, 5, 1), dtype=np.uint8))
    first, second = measure_pixels(small)[0], measure_pixels(large)[0]
    for name in ("red", "green", "blue", "brightness"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=0.5)
    assert first.saturation == pytest.approx(second.saturation, abs=0.02)


def test_a_blurred_image_is_less_sharp():
    from PIL import Image, ImageFilter

    sharp = image(3, 100, 100)
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(2)))
    assert measure_pixels(blurred)[0].sharpness < 0.1 * measure_pixels(sharp)[0].sharpness


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_the_share_of_one_color(share):
    pixels = image(4, 100, 100)
    pixels[: round(100 * share)] = (250, 248, 246)
    found = measure_pixels(pixels)[0].uniform_fraction
    if share >= 0.5:
        assert found == pytest.approx(share, abs=0.01)
    else:
        assert found < 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3000, 2)])
def test_odd_sizes(size):
    measures, histogram = measure_pixels(np.full((*size, 3), 7, dtype=np.uint8))
    assert (measures.red, measures.sharpness, measures.saturation) == (7, 0, 0)
    assert measures.uniform_fraction == 1
    assert histogram.sum(axis=1) == pytest.approx([1, 1, 1])
