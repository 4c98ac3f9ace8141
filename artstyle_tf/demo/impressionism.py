"""Impressionism: thousands of short strokes of broken color that follow what they describe."""

from __future__ import annotations

import cv2
import numpy as np

from artstyle_tf.demo.artists import Commission
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.scenes import Scene
from artstyle_tf.demo.subjects import compose

_DIRECTION_OF_KIND = {"light": 0.6, "land": 0.25, "water": 0.0, "leaf": 1.1, "solid": 1.35}


def paint(commission: Commission) -> np.ndarray:
    """Paints the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette, artist = commission.generator, commission.palette, commission.artist
    canvas = Canvas(commission.height_px, commission.width_px, palette.pale, oversampling=1)
    scene = compose(commission.subject, canvas, palette, generator)
    scene.paint_flat(canvas)
    canvas.blur(0.008)  # lost edges
    motif, directions = canvas.finish(), _directions(scene, commission)
    painted = np.ascontiguousarray(np.round(motif * 200 + 20).astype(np.uint8))
    length = 0.052 * artist.scale
    for coarseness, cover in ((1.7, 0.9), (1.0, 1.3), (0.75, 0.55)):
        _cover_with_strokes(painted, motif, directions, commission, length * coarseness, cover)
    return painted.astype(np.float32) / 255


def _directions(scene: Scene, commission: Commission) -> np.ndarray:
    """The angle of the brush: float32 [H, W], radians."""
    shape = (commission.height_px, commission.width_px)
    plan = Canvas(*shape, np.zeros(3), oversampling=1)
    for part in scene.shapes:
        plan.fill(part.outline, np.full(3, _DIRECTION_OF_KIND[part.kind]))
    wander = smooth_noise(shape, commission.generator, cells=2.5)
    # The sky (0 in the plan) is swept more freely than what stands on the ground.
    plain = plan.pixels[:, :, 0]
    return plain + wander * np.where(plain == 0, 0.35, 0.25)


def _cover_with_strokes(
    painted: np.ndarray,
    motif: np.ndarray,
    directions: np.ndarray,
    commission: Commission,
    length: float,
    cover: float,
) -> None:
    """Draws strokes whose areas add up to `cover` images, in place on uint8 [H, W, 3]."""
    generator, (height_px, width_px) = commission.generator, painted.shape[:2]
    length_px = length * min(height_px, width_px)
    thickness_px = max(2, round(0.28 * length_px))
    count = int(cover * height_px * width_px / (length_px * thickness_px))
    x, y = generator.uniform(0, width_px, count), generator.uniform(0, height_px, count)
    rows, columns = y.astype(int), x.astype(int)
    angles = directions[rows, columns] + generator.normal(0, 0.16, count)
    colors = _broken_colors(motif[rows, columns], commission)
    half = 0.5 * length_px * generator.uniform(0.6, 1.3, count)
    along = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * thickness_px * 0.33
    centers, reach = np.stack([x, y], axis=1), along * half[:, None]
    # Three bristles: a body, a light edge and a dark edge, as of thick paint lit from the side.
    relief = 14 + 16 * commission.artist.boldness
    bristles = ((0.0, 0.0, 1.0), (-1.0, relief, 0.45), (1.0, -relief, 0.45))
    lines = [
        (
            np.round((centers + side * across - reach) * 16).astype(np.int32),
            np.round((centers + side * across + reach) * 16).astype(np.int32),
            np.clip(colors * 255 + lightness, 0, 255),
            max(1, round(thickness_px * share)),
        )
        for side, lightness, share in bristles
    ]
    for stroke in range(count):
        for starts, stops, shades, bristle_px in lines:
            start, stop, shade = starts[stroke], stops[stroke], shades[stroke]
            cv2.line(painted, start, stop, shade.tolist(), bristle_px, cv2.LINE_AA, 4)


def _broken_colors(colors: np.ndarray, commission: Commission) -> np.ndarray:
    """Each stroke departs from the motif's color; some take another from the palette.

    Args:
        colors: float32 [N, 3].
        commission: whose palette to dip into.

    Returns:
        float [N, 3].
    """
    generator, palette = commission.generator, commission.palette
    count = len(colors)
    departure = generator.normal(0, 0.03, (count, 3)) + generator.normal(0, 0.045, (count, 1))
    others = palette.colors[generator.integers(0, 7, count)]
    borrowed = (generator.random((count, 1)) < 0.16) * generator.uniform(0.15, 0.45, (count, 1))
    return colors + departure + (others - colors) * borrowed
