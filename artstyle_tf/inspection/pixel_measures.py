"""Brightness, saturation, sharpness, colors and borders of one image.

All are measured at a small size, so that they do not depend on the size of the image and an image
of 100 million pixels takes no more memory than its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

MEASURED_SIDE_PX = 256
"""The longer side of the image that is measured."""
NUM_BINS = 64
"""Of a histogram of levels."""

# Two levels look like the same color, and JPEG changes them about as much.
_SAME_LEVEL = 8
_WEIGHTS_OF_GRAY = np.array([0.299, 0.587, 0.114], dtype=np.float32)

BorderKind = Literal["", "border", "frame"]

_MAX_MARGIN = 0.4  # of a side
_MIN_MARGIN = 0.015
_SAME_MARGIN_LEVEL = 10.0  # within a margin, from line to line
_FLAT_LINE = 5.0  # standard deviation along a line of one color; paper and JPEG are not quite even
_EDGE_LEVELS = 14.0
_STRAIGHT_SHARE = 0.8
_FRAME_ZONE = (0.02, 0.25)  # where the inner edge of a frame may lie, as a share of the side
_MIN_SIDE_WITH_BORDER_PX = 64  # margins cannot be recognized in smaller images


@dataclass(frozen=True)
class Border:
    """The border around an image.

    Attributes:
        kind: "border" for margins of one color on opposite sides, "frame" for straight edges on
            all four sides, else "".
        shares: thickness at top, right, bottom and left, as shares of the image's height or
            width.
    """

    kind: BorderKind = ""
    shares: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class PixelMeasures:
    """Measures of one image.

    Attributes:
        red: mean level, 0 to 255.
        green: likewise.
        blue: likewise.
        brightness: mean of the gray image, 0 to 255.
        contrast: standard deviation of the gray image.
        saturation: mean over the pixels of (largest - smallest channel) / largest, 0 to 1.
        sharpness: variance of the Laplacian of the gray image, its longer side at most 256
            pixels; Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548.
        uniform_fraction: share of the pixels that are of the image's median color.
        border: around the image.
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
    """Measure an image, uint8 [H, W, 3], RGB.

    Returns:
        The measures, and float32 [3, 64], the share of the pixels in each bin of red, green, blue.
    """
    # One plane per channel: NumPy is slow along an axis of three.
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
    # Means over areas preserve mean levels.
    reduced = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
    return np.asarray(reduced)


def _sharpness(gray: np.ndarray) -> float:
    if min(gray.shape) < 3:
        return 0.0
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return float((around - 4 * gray[1:-1, 1:-1]).var())


def _medians(counts: np.ndarray) -> np.ndarray:
    """Compute the median level of each channel from the counts of levels: int [3]."""
    middle = counts.sum(axis=1, keepdims=True) / 2
    return (counts.cumsum(axis=1) >= middle).argmax(axis=1)


def find_border(levels: np.ndarray) -> Border:
    """Find margins of one color, or else a frame.

    Args:
        levels: float32 [3, H, W], red, green, blue in 0 to 255; a few hundred pixels wide, because
            scanned paper is only even if its grain is averaged.

    Returns:
        The border; none if the margins would be the whole image.
    """
    if min(levels.shape[1:]) < _MIN_SIDE_WITH_BORDER_PX:
        return Border()
    top, right, bottom, left = (_margin(side) for side in _from_each_side(levels))
    opposite = ((top, bottom), (left, right))
    if any(min(pair) >= _MIN_MARGIN for pair in opposite):
        # A margin without an end is an image of one color.
        is_image_left = all(sum(pair) < 2 * _MAX_MARGIN for pair in opposite)
        return Border("border", (top, right, bottom, left)) if is_image_left else Border()
    edges = []
    for side in _from_each_side(levels):
        edges.append(_straight_edge(side))
        if not edges[-1]:
            return Border()
    return Border("frame", (edges[0], edges[1], edges[2], edges[3]))


def _from_each_side(levels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the image with its top, right, bottom and left side on top."""
    yield levels
    turned = np.ascontiguousarray(levels.transpose(0, 2, 1))
    yield turned[:, ::-1]
    yield levels[:, ::-1]
    yield turned


def _margin(levels: np.ndarray) -> float:
    """Compute the share of the height, from the top, of flat lines of one color; 0.4 at most."""
    height = levels.shape[1]
    most = int(_MAX_MARGIN * height)
    # Most images have no margin, which their first lines show already.
    for last in (2, most):
        lines = levels[:, : last + 1]
        is_flat = (lines.std(axis=2) <= _FLAT_LINE).all(axis=0)
        colors = lines.mean(axis=2)
        is_same = (np.abs(colors - colors[:, :1]) <= _SAME_MARGIN_LEVEL).all(axis=0)
        ends = np.flatnonzero(~(is_flat & is_same))
        if len(ends):
            return float(ends[0] / height)
    return float(most / height)


def _straight_edge(levels: np.ndarray) -> float:
    """Compute the share of the height above the innermost straight edge near the top.

    The edge may have either direction, but the same one for most of its length: brush strokes are
    neither straight nor uniform.
    """
    height = levels.shape[1]
    first, last = (max(1, round(share * height)) for share in _FRAME_ZONE)
    change = levels[:, first + 1 : last + 1] - levels[:, first - 1 : last - 1]
    # Each channel and direction by itself: in any of them, something always changes.
    brighter = (change > _EDGE_LEVELS).mean(axis=2).max(axis=0)
    darker = (change < -_EDGE_LEVELS).mean(axis=2).max(axis=0)
    lines = np.flatnonzero(np.maximum(brighter, darker) >= _STRAIGHT_SHARE)
    return float((lines[-1] + first + 1) / height) if len(lines) else 0.0
