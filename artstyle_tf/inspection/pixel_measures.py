"""Brightness, saturation, sharpness and colors of one image.

All are taken from the image at a small size, so that they do not depend on how large it is and an
image of 100 million pixels costs no more memory than its pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from artstyle_tf.inspection.borders import Border, find_border

MEASURED_SIDE_PX = 256
"""The longer side of the image that is measured."""
NUM_BINS = 64
"""Of a histogram of levels."""

# Two levels are the same color to the eye, and JPEG moves them about as far.
_SAME_LEVEL = 8
_WEIGHTS_OF_GRAY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class PixelMeasures:
    """Of one image.

    Attributes:
        red: mean level, 0 to 255.
        green: mean level, 0 to 255.
        blue: mean level, 0 to 255.
        brightness: mean of the gray image, 0 to 255.
        contrast: standard deviation of the gray image.
        saturation: mean over the pixels of (largest - smallest channel) / largest, 0 to 1.
        sharpness: variance of the Laplacian of the gray image, its longer side at most 256
            pixels; Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548.
        uniform_fraction: share of the pixels that are of the image's median color.
        border: what frames the image.
    """

    red: float
    green: float
    blue: float
    brightness: float
    contrast: float
    saturation: float
    sharpness: float
    uniform_fraction: float
    border: Border


def measure_pixels(pixels: np.ndarray) -> tuple[PixelMeasures, np.ndarray]:
    """Measures an image.

    Args:
        pixels: uint8 [H, W, 3], RGB.

    Returns:
        The measures, and float32 [3, 64], the share of the pixels in each bin of red, green, blue.
    """
    # One plane a channel: NumPy is slow along an axis of three.
    small = np.ascontiguousarray(_reduce(pixels).transpose(2, 0, 1))
    levels = small.astype(np.float32)
    counts = np.stack([np.bincount(channel.ravel(), minlength=256) for channel in small])
    gray = np.tensordot(_WEIGHTS_OF_GRAY, levels, axes=1)
    largest, smallest = levels[0].copy(), levels[0].copy()
    is_median = np.ones(gray.shape, dtype=bool)
    for channel, median in zip(levels, _medians(counts), strict=True):
        np.maximum(largest, channel, out=largest)
        np.minimum(smallest, channel, out=smallest)
        is_median &= np.abs(channel - median) <= _SAME_LEVEL
    red, green, blue = (counts @ np.arange(256)) / gray.size
    measures = PixelMeasures(
        red=float(red),
        green=float(green),
        blue=float(blue),
        brightness=float(gray.mean()),
        contrast=float(gray.std()),
        saturation=float(((largest - smallest) / np.maximum(largest, 1.0)).mean()),
        sharpness=_sharpness(gray),
        uniform_fraction=float(is_median.mean()),
        border=find_border(levels),
    )
    histogram = counts.reshape(3, NUM_BINS, -1).sum(axis=2) / gray.size
    return measures, histogram.astype(np.float32)


def _reduce(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = MEASURED_SIDE_PX / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Means over areas: they keep mean levels as they are.
    reduced = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
    return np.asarray(reduced)


def _sharpness(gray: np.ndarray) -> float:
    if min(gray.shape) < 3:
        return 0.0
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return float((around - 4 * gray[1:-1, 1:-1]).var())


def _medians(counts: np.ndarray) -> np.ndarray:
    """The middle level of each channel, from how often each occurs: int [3]."""
    middle = counts.sum(axis=1, keepdims=True) / 2
    return (counts.cumsum(axis=1) >= middle).argmax(axis=1)
