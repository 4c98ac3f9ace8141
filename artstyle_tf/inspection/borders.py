"""Margins and frames: what surrounds an image, and is not the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

BorderKind = Literal["", "border", "frame"]

_MOST_OF_A_SIDE = 0.4
_LEAST_OF_A_SIDE = 0.015
_SAME_LEVEL = 10.0  # within a margin, from line to line
_FLAT_LINE = 5.0  # standard deviation along a line of one color; paper and JPEG are not quite even
_EDGE_LEVELS = 14.0
_STRAIGHT_SHARE = 0.8
_FRAME_ZONE = (0.02, 0.25)  # where the inner edge of a frame may lie, as a share of the side
_SMALLEST_SIDE_PX = 64  # of less than that nobody can say what is a margin


@dataclass(frozen=True)
class Border:
    """What surrounds an image.

    Attributes:
        kind: "border" for margins of one color on opposite sides, "frame" for straight edges on
            all four sides, else "".
        shares: thickness at top, right, bottom and left, as shares of the image's height or
            width.
    """

    kind: BorderKind = ""
    shares: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def find_border(levels: np.ndarray) -> Border:
    """Looks for margins of one color, and else for a frame.

    Args:
        levels: float32 [3, H, W], red, green, blue in 0 to 255; a few hundred pixels wide, because
            scanned paper is only even where its grain is averaged.

    Returns:
        What surrounds the image; nothing if the margins would be the whole image.
    """
    if min(levels.shape[1:]) < _SMALLEST_SIDE_PX:
        return Border()
    top, right, bottom, left = (_margin(side) for side in _from_each_side(levels))
    opposite = ((top, bottom), (left, right))
    if any(min(pair) >= _LEAST_OF_A_SIDE for pair in opposite):
        # A margin that ends nowhere is an image of one color.
        is_image_left = all(sum(pair) < 2 * _MOST_OF_A_SIDE for pair in opposite)
        return Border("border", (top, right, bottom, left)) if is_image_left else Border()
    edges = []
    for side in _from_each_side(levels):
        edges.append(_straight_edge(side))
        if not edges[-1]:
            return Border()
    return Border("frame", (edges[0], edges[1], edges[2], edges[3]))


def _from_each_side(levels: np.ndarray) -> Iterator[np.ndarray]:
    """The image with its top, right, bottom and left side on top."""
    yield levels
    turned = np.ascontiguousarray(levels.transpose(0, 2, 1))
    yield turned[:, ::-1]
    yield levels[:, ::-1]
    yield turned


def _margin(levels: np.ndarray) -> float:
    """Share of the height, from the top, whose lines are flat and of one color; 0.4 at most."""
    height = levels.shape[1]
    most = int(_MOST_OF_A_SIDE * height)
    # Most images have no margin, and their first lines say so.
    for last in (2, most):
        lines = levels[:, : last + 1]
        is_flat = (lines.std(axis=2) <= _FLAT_LINE).all(axis=0)
        colors = lines.mean(axis=2)
        is_same = (np.abs(colors - colors[:, :1]) <= _SAME_LEVEL).all(axis=0)
        ends = np.flatnonzero(~(is_flat & is_same))
        if len(ends):
            return float(ends[0] / height)
    return float(most / height)


def _straight_edge(levels: np.ndarray) -> float:
    """Share of the height above the innermost line, near the top, at which all changes at once.

    The line may be an edge in either direction, but for most of its length the same one: brush
    strokes are neither straight nor do they agree.
    """
    height = levels.shape[1]
    first, last = (max(1, round(share * height)) for share in _FRAME_ZONE)
    change = levels[:, first + 1 : last + 1] - levels[:, first - 1 : last - 1]
    # Each channel and direction by itself: in one or another of them, something always changes.
    brighter = (change > _EDGE_LEVELS).mean(axis=2).max(axis=0)
    darker = (change < -_EDGE_LEVELS).mean(axis=2).max(axis=0)
    lines = np.flatnonzero(np.maximum(brighter, darker) >= _STRAIGHT_SHARE)
    return float((lines[-1] + first + 1) / height) if len(lines) else 0.0
