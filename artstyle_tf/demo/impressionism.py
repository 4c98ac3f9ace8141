"""Draw Impressionist images: thousands of short strokes of varied color along the shapes."""

from __future__ import annotations

import cv2
import numpy as np

from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.scenes import Scene
from artstyle_tf.demo.subjects import compose

_DIRECTION_OF_KIND = {"light": 0.6, "land": 0.25, "water": 0.0, "leaf": 1.1, "solid": 1.35}


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette, artist = spec.generator, spec.palette, spec.artist
    canvas = Canvas(spec.height_px, spec.width_px, palette.pale, oversampling=1)
    scene = compose(spec.subject, canvas, palette, generator)
    scene.draw_flat(canvas)
    canvas.blur(0.008)  # soft edges
    motif, directions = canvas.finish(), _stroke_directions(scene, spec)
    pixels = np.ascontiguousarray(np.round(motif * 200 + 20).astype(np.uint8))
    length = 0.052 * artist.scale
    for coarseness, coverage in ((1.7, 0.9), (1.0, 1.3), (0.75, 0.55)):
        _draw_strokes(pixels, motif, directions, spec, length * coarseness, coverage)
    return pixels.astype(np.float32) / 255


def _stroke_directions(scene: Scene, spec: ImageSpec) -> np.ndarray:
    """Return the angle of the strokes: float32 [H, W], radians."""
    shape = (spec.height_px, spec.width_px)
    plan = Canvas(*shape, np.zeros(3), oversampling=1)
    for part in scene.shapes:
        plan.fill(part.outline, np.full(3, _DIRECTION_OF_KIND[part.kind]))
    wander = smooth_noise(shape, spec.generator, cells=2.5)
    # Stroke angles vary more in the sky (0 in the plan) than on the shapes.
    plain = plan.pixels[:, :, 0]
    return plain + wander * np.where(plain == 0, 0.35, 0.25)


def _draw_strokes(
    pixels: np.ndarray,
    motif: np.ndarray,
    directions: np.ndarray,
    spec: ImageSpec,
    length: float,
    coverage: float,
) -> None:
    """Draw strokes in place on uint8 [H, W, 3].

    Args:
        pixels: uint8 [H, W, 3], changed in place.
        motif: float32 [H, W, 3] in 0..1, the colors to follow.
        directions: float32 [H, W], radians.
        spec: palette, boldness and generator.
        length: mean length of a stroke in units of the shorter side.
        coverage: sum of the strokes' areas, in areas of the image.
    """
    generator, (height_px, width_px) = spec.generator, pixels.shape[:2]
    length_px = length * min(height_px, width_px)
    thickness_px = max(2, round(0.28 * length_px))
    count = int(coverage * height_px * width_px / (length_px * thickness_px))
    x, y = generator.uniform(0, width_px, count), generator.uniform(0, height_px, count)
    rows, columns = y.astype(int), x.astype(int)
    angles = directions[rows, columns] + generator.normal(0, 0.16, count)
    colors = _stroke_colors(motif[rows, columns], spec)
    half = 0.5 * length_px * generator.uniform(0.6, 1.3, count)
    along = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * thickness_px * 0.33
    centers, reach = np.stack([x, y], axis=1), along * half[:, None]
    # Three bristles: a body, a light edge and a dark edge, as of thick paint lit from the side.
    relief = 14 + 16 * spec.artist.boldness
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
            cv2.line(pixels, start, stop, shade.tolist(), bristle_px, cv2.LINE_AA, 4)


def _stroke_colors(colors: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """Jitter the motif's color per stroke and blend some strokes with a palette color.

    Args:
        colors: float32 [N, 3].
        spec: palette and generator.

    Returns:
        float [N, 3].
    """
    generator, palette = spec.generator, spec.palette
    count = len(colors)
    departure = generator.normal(0, 0.03, (count, 3)) + generator.normal(0, 0.045, (count, 1))
    others = palette.colors[generator.integers(0, 7, count)]
    borrowed = (generator.random((count, 1)) < 0.16) * generator.uniform(0.15, 0.45, (count, 1))
    return colors + departure + (others - colors) * borrowed
