"""Draw Cubist images: the subject split into facets, each with its own view and shading."""

from __future__ import annotations

import cv2
import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.palettes import brightened
from artstyle_tf.demo.subjects import compose

_NEWSPAPER_WORDS = ("JOU", "BAL", "VIN", "LE JO", "BACH", "CAFE", "RHUM", "No 7")


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = spec.generator, spec.palette
    canvas = Canvas(spec.height_px, spec.width_px, palette.middle, oversampling=1)
    scene = compose(spec.subject, canvas, palette, generator)
    scene.draw_flat(canvas)
    views = _rotated_views(canvas.pixels, generator)
    light = generator.uniform(0, 2 * np.pi)
    for facet in _split_canvas(canvas, generator, size=0.2 * spec.artist.scale):
        _draw_facet(canvas, views, facet, spec, light)
    if spec.subject in ("still-life", "portrait", "flowers") or generator.random() < 0.3:
        _draw_guitar(canvas, spec)
    for _ in range(generator.integers(4, 9)):
        _draw_overlapping_plane(canvas, spec, light)
    if generator.random() < 0.5:
        _draw_lettering(canvas, spec)
    dabs = smooth_noise(canvas.pixels.shape[:2], generator, cells=70)
    canvas.pixels *= 1 + 0.04 * dabs[:, :, None]
    return canvas.finish()


def _split_canvas(
    canvas: Canvas, generator: np.random.Generator, *, size: float
) -> list[np.ndarray]:
    """Split the canvas by slanted lines until no piece is much larger than `size`.

    Returns:
        The pieces, convex polygons: float32 [N, 2] each.
    """
    waiting = [outlines.rectangle(-0.01, -0.01, canvas.width + 0.01, canvas.height + 0.01)]
    done = []
    slant = generator.uniform(0, np.pi)
    while waiting:
        piece = waiting.pop()
        area = float(cv2.contourArea(piece))
        if area < (size * generator.uniform(0.8, 1.6)) ** 2:
            done.append(piece)
            continue
        # Most edges keep close to two directions, which unifies the composition.
        angle = slant + generator.choice([0.0, np.pi / 2]) + generator.normal(0, 0.28)
        weights = generator.dirichlet(np.full(len(piece), 3.0))
        waiting.extend(_split_polygon(piece, weights @ piece, angle))
    return done


def _split_polygon(piece: np.ndarray, through: np.ndarray, angle: float) -> list[np.ndarray]:
    """Split a convex polygon, float [N, 2], along the line through a point at an angle.

    Returns:
        One or two polygons: float32 [M, 2] each.
    """
    normal = np.array([-np.sin(angle), np.cos(angle)])
    distances = (piece - through) @ normal
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for index, corner in enumerate(piece):
        following = (index + 1) % len(piece)
        here, there = distances[index], distances[following]
        sides[int(here > 0)].append(corner)
        if (here > 0) != (there > 0):
            crossing = corner + (piece[following] - corner) * here / (here - there)
            sides[0].append(crossing)
            sides[1].append(crossing)
    return [np.array(side, np.float32) for side in sides if len(side) >= 3]


def _draw_facet(
    canvas: Canvas,
    views: list[np.ndarray],
    facet: np.ndarray,
    spec: ImageSpec,
    light: float,
) -> None:
    """Draw one facet: one view of the motif, tinted, with a brightness gradient."""
    generator, palette = spec.generator, spec.palette
    boldness = spec.artist.boldness
    canvas.fill(facet, views[generator.integers(len(views))])
    tint = palette.random_color(generator)
    canvas.fill(facet, tint, opacity=generator.uniform(0.05, 0.55))
    angle = light + generator.normal(0, 0.8)
    canvas.shade(facet, angle=angle, depth=0.25 + 0.2 * boldness)
    if generator.random() < 0.8:
        edge = palette.dark if generator.random() < 0.75 else palette.pale
        opacity = generator.uniform(0.35, 0.9)
        canvas.line(facet, edge, width=0.005 + 0.006 * boldness, closed=True, opacity=opacity)


def _rotated_views(motif: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """Return four rotated, shifted and scaled copies of the motif: float32 [kH, kW, 3] each."""
    height_px, width_px = motif.shape[:2]
    views = []
    for _ in range(4):
        turn, zoom = generator.normal(0, 12), generator.uniform(0.9, 1.35)
        matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), turn, zoom)
        matrix[:, 2] += generator.normal(0, 0.06 * min(height_px, width_px), 2)
        view = cv2.warpAffine(motif, matrix, (width_px, height_px), borderMode=cv2.BORDER_REFLECT)
        views.append(view)
    return views


def _draw_overlapping_plane(canvas: Canvas, spec: ImageSpec, light: float) -> None:
    """Draw a translucent polygon that spans several facets."""
    generator = spec.generator
    center = generator.uniform(0.1, 0.9, 2) * (canvas.width, canvas.height)
    angles = np.sort(generator.uniform(0, 2 * np.pi, generator.integers(3, 6)))
    reach = generator.uniform(0.12, 0.34, len(angles)) * spec.artist.scale
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None] + center
    color = spec.palette.random_color(generator)
    canvas.fill(corners, color, opacity=generator.uniform(0.25, 0.6))
    canvas.shade(corners, angle=light + generator.normal(0, 0.5), depth=0.4)
    line = spec.palette.dark
    canvas.line(corners, line, width=0.007, closed=True, opacity=0.8)


def _draw_guitar(canvas: Canvas, spec: ImageSpec) -> None:
    """Draw half a guitar: two curves of its body, the sound hole and the strings."""
    generator, palette = spec.generator, spec.palette
    x, y = generator.uniform(0.3, 0.7, 2) * (canvas.width, canvas.height)
    turn, size = generator.uniform(0, 2 * np.pi), generator.uniform(0.2, 0.34)
    waist = np.array([(0.75, 0), (0.5, 0.5), (0, 0.42), (-0.35, 0.3), (-0.8, 0.55), (-1.1, 0)])
    body = outlines.moved(outlines.smoothed(waist, closed=False), (x, y), turn=turn, scale=size)
    other = outlines.moved(
        outlines.smoothed(waist * (1, -1), closed=False),
        (np.array([x, y]) + generator.normal(0, 0.05, 2)),
        turn=turn + generator.normal(0, 0.3),
        scale=size * generator.uniform(0.7, 1),
    )
    canvas.fill(body, brightened(palette.accent, -0.1), opacity=0.6)
    canvas.shade(body, angle=turn, depth=0.35)
    for curve in (body, other):
        canvas.line(curve, palette.dark, width=0.012, opacity=0.9)
    hole = outlines.ellipse((x, y), 0.2 * size)
    canvas.fill(hole, palette.dark, opacity=0.9)
    for offset in np.linspace(-0.1, 0.1, 4):
        string = outlines.moved([(-0.6, offset), (1.8, offset)], (x, y), turn=turn, scale=size)
        canvas.line(string, palette.pale, width=0.004, opacity=0.8)


def _draw_lettering(canvas: Canvas, spec: ImageSpec) -> None:
    """Draw a few letters, as from the headline of a newspaper."""
    generator, scale = spec.generator, canvas.scale
    word = _NEWSPAPER_WORDS[generator.integers(len(_NEWSPAPER_WORDS))]
    mask = np.zeros(canvas.pixels.shape[:2], np.uint8)
    x, y = generator.uniform(0.08, 0.6) * canvas.width, generator.uniform(0.2, 0.9) * canvas.height
    at = (round(x * scale), round(y * scale))
    size = 0.0048 * scale * generator.uniform(0.6, 1)
    cv2.putText(
        mask, word, at, cv2.FONT_HERSHEY_TRIPLEX, size, 255, max(1, round(size * 2)), cv2.LINE_AA
    )
    share = mask[:, :, None].astype(np.float32) / 255 * 0.85
    canvas.pixels += (spec.palette.dark - canvas.pixels) * share
