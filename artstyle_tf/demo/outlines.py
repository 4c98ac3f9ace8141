"""Build outlines in canvas coordinates: every function returns float32 [N, 2] points (x, y)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def ellipse(
    center: ArrayLike, radius_x: float, radius_y: float | None = None, *, turn: float = 0.0
) -> np.ndarray:
    """Return an ellipse rotated by `turn` radians; a circle without `radius_y`."""
    radius_y = radius_x if radius_y is None else radius_y
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    points = np.stack([radius_x * np.cos(angles), radius_y * np.sin(angles)], axis=1)
    return moved(points, center, turn=turn)


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Return an axis-aligned rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def arc(
    x: float, y: float, radius: float, start: float, stop: float, *, count: int = 40
) -> np.ndarray:
    """Return an open arc between two angles in radians, clockwise on screen from the right."""
    angles = np.linspace(start, stop, count)
    points = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
    return points.astype(np.float32)


def sector(x: float, y: float, inner: float, outer: float, start: float, stop: float) -> np.ndarray:
    """Return a ring segment between two radii and two angles in radians."""
    return np.concatenate([arc(x, y, outer, start, stop), arc(x, y, inner, stop, start)])


def moved(
    points: ArrayLike, origin: ArrayLike, *, turn: float = 0.0, scale: float = 1.0
) -> np.ndarray:
    """Scale, rotate by `turn` radians, then translate (0, 0) to `origin`."""
    cosine, sine = np.cos(turn), np.sin(turn)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    turned = np.asarray(points, np.float64) * scale @ rotation
    return (turned + np.asarray(origin, np.float64)).astype(np.float32)


def mirrored(points: np.ndarray, axis_x: float) -> np.ndarray:
    """Reflect at the vertical axis x = `axis_x`."""
    return np.stack([2 * axis_x - points[:, 0], points[:, 1]], axis=1)


def smoothed(points: np.ndarray, *, closed: bool = True, rounds: int = 3) -> np.ndarray:
    """Round the corners of an outline by cutting them repeatedly.

    Source: Chaikin 1974, "An algorithm for high-speed curve generation".
    """
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0) if closed else points[1:]
        current = points if closed else points[:-1]
        cut = np.stack(
            [0.75 * current + 0.25 * following, 0.25 * current + 0.75 * following], axis=1
        ).reshape(-1, 2)
        points = cut if closed else np.concatenate([points[:1], cut, points[-1:]])
    return points.astype(np.float32)


def blob(
    center: ArrayLike,
    radius: float,
    generator: np.random.Generator,
    *,
    roughness: float = 0.18,
    corners: int = 11,
) -> np.ndarray:
    """Return a round shape with an irregular edge."""
    angles = np.arange(corners) * 2 * np.pi / corners
    radii = radius * (1 + roughness * generator.standard_normal(corners).clip(-2, 2))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    return smoothed(moved(points, center))


def ridge(
    width: float,
    bottom: float,
    level: float,
    relief: float,
    generator: np.random.Generator,
    *,
    bumps: float = 3.0,
    roughness: float = 0.35,
) -> np.ndarray:
    """Return hills from the left to the right edge, closed along the bottom.

    Args:
        width: right edge.
        bottom: lower edge.
        level: mean height of the crest, as y.
        relief: about the height of a hill.
        generator: source of randomness.
        bumps: approximate number of hills across the image.
        roughness: amplitude of each octave relative to the one before.
    """
    x = np.linspace(-0.02, width + 0.02, 90)
    crest = np.zeros_like(x)
    for octave in range(4):
        waves = bumps * 2**octave * generator.uniform(0.7, 1.3)
        phase = generator.uniform(0, 2 * np.pi)
        crest += roughness**octave * np.sin(2 * np.pi * waves * x / width / 2 + phase)
    points = np.stack([x, level - relief * crest / 2], axis=1)
    corners = [(width + 0.02, bottom + 0.02), (-0.02, bottom + 0.02)]
    return np.concatenate([points, corners]).astype(np.float32)


def spiral(
    center: ArrayLike, size: float, *, turns: float, turn: float = 0.0, flip: bool = False
) -> np.ndarray:
    """Return an open spiral that winds inwards from radius `size`, in `turns` revolutions."""
    angles = np.linspace(0, 2 * np.pi * turns, 70)
    radii = size * np.exp(-1.9 * angles / angles[-1])
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    if flip:
        points[:, 1] *= -1
    return moved(points, center, turn=turn)
