"""Cubism: a still life or a head broken into planes, each shaded and seen from its own side."""

from __future__ import annotations

import cv2
import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import Commission
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.palettes import brightened
from artstyle_tf.demo.subjects import compose

_NEWSPAPER_WORDS = ("JOU", "BAL", "VIN", "LE JO", "BACH", "CAFE", "RHUM", "No 7")


def paint(commission: Commission) -> np.ndarray:
    """Paints the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = commission.generator, commission.palette
    canvas = Canvas(commission.height_px, commission.width_px, palette.middle, oversampling=1)
    scene = compose(commission.subject, canvas, palette, generator)
    scene.paint_flat(canvas)
    views = _views(canvas.pixels, generator)
    light = generator.uniform(0, 2 * np.pi)
    for facet in _broken_planes(canvas, generator, size=0.2 * commission.artist.scale):
        _paint_facet(canvas, views, facet, commission, light)
    if commission.subject in ("still-life", "portrait", "flowers") or generator.random() < 0.3:
        _guitar(canvas, commission)
    for _ in range(generator.integers(4, 9)):
        _overlapping_plane(canvas, commission, light)
    if generator.random() < 0.5:
        _lettering(canvas, commission)
    dabs = smooth_noise(canvas.pixels.shape[:2], generator, cells=70)
    canvas.pixels *= 1 + 0.04 * dabs[:, :, None]
    return canvas.finish()


def _broken_planes(
    canvas: Canvas, generator: np.random.Generator, *, size: float
) -> list[np.ndarray]:
    """Splits the canvas by slanted lines until no piece is much larger than `size`."""
    waiting = [outlines.rectangle(-0.01, -0.01, canvas.width + 0.01, canvas.height + 0.01)]
    done = []
    slant = generator.uniform(0, np.pi)
    while waiting:
        piece = waiting.pop()
        area = float(cv2.contourArea(piece))
        if area < (size * generator.uniform(0.8, 1.6)) ** 2:
            done.append(piece)
            continue
        # Most edges keep to two directions, which holds the image together.
        angle = slant + generator.choice([0.0, np.pi / 2]) + generator.normal(0, 0.28)
        weights = generator.dirichlet(np.full(len(piece), 3.0))
        waiting.extend(_split(piece, weights @ piece, angle))
    return done


def _split(piece: np.ndarray, through: np.ndarray, angle: float) -> list[np.ndarray]:
    """Cuts a convex polygon in two along a line."""
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


def _paint_facet(
    canvas: Canvas,
    views: list[np.ndarray],
    facet: np.ndarray,
    commission: Commission,
    light: float,
) -> None:
    """One plane: the motif seen from one side, tinted, with light running across it."""
    generator, palette = commission.generator, commission.palette
    boldness = commission.artist.boldness
    canvas.fill(facet, views[generator.integers(len(views))])
    tint = palette.any_color(generator)
    canvas.fill(facet, tint, opacity=generator.uniform(0.05, 0.55))
    angle = light + generator.normal(0, 0.8)
    canvas.shade(facet, angle=angle, depth=0.25 + 0.2 * boldness)
    if generator.random() < 0.8:
        edge = palette.dark if generator.random() < 0.75 else palette.pale
        opacity = generator.uniform(0.35, 0.9)
        canvas.line(facet, edge, width=0.005 + 0.006 * boldness, closed=True, opacity=opacity)


def _views(motif: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """The motif from several sides: turned, shifted and enlarged: each float32 [kH, kW, 3]."""
    height_px, width_px = motif.shape[:2]
    views = []
    for _ in range(4):
        turn, zoom = generator.normal(0, 12), generator.uniform(0.9, 1.35)
        matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), turn, zoom)
        matrix[:, 2] += generator.normal(0, 0.06 * min(height_px, width_px), 2)
        view = cv2.warpAffine(motif, matrix, (width_px, height_px), borderMode=cv2.BORDER_REFLECT)
        views.append(view)
    return views


def _overlapping_plane(canvas: Canvas, commission: Commission, light: float) -> None:
    """A translucent plane that ties several facets together."""
    generator = commission.generator
    center = generator.uniform(0.1, 0.9, 2) * (canvas.width, canvas.height)
    angles = np.sort(generator.uniform(0, 2 * np.pi, generator.integers(3, 6)))
    reach = generator.uniform(0.12, 0.34, len(angles)) * commission.artist.scale
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None] + center
    color = commission.palette.any_color(generator)
    canvas.fill(corners, color, opacity=generator.uniform(0.25, 0.6))
    canvas.shade(corners, angle=light + generator.normal(0, 0.5), depth=0.4)
    line = commission.palette.dark
    canvas.line(corners, line, width=0.007, closed=True, opacity=0.8)


def _guitar(canvas: Canvas, commission: Commission) -> None:
    """Half a guitar: the two curves of its body, the hole and the strings."""
    generator, palette = commission.generator, commission.palette
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


def _lettering(canvas: Canvas, commission: Commission) -> None:
    """A few letters from a newspaper's head."""
    generator, scale = commission.generator, canvas.scale
    word = _NEWSPAPER_WORDS[generator.integers(len(_NEWSPAPER_WORDS))]
    mask = np.zeros(canvas.pixels.shape[:2], np.uint8)
    x, y = generator.uniform(0.08, 0.6) * canvas.width, generator.uniform(0.2, 0.9) * canvas.height
    at = (round(x * scale), round(y * scale))
    size = 0.0048 * scale * generator.uniform(0.6, 1)
    cv2.putText(
        mask, word, at, cv2.FONT_HERSHEY_TRIPLEX, size, 255, max(1, round(size * 2)), cv2.LINE_AA
    )
    share = mask[:, :, None].astype(np.float32) / 255 * 0.85
    canvas.pixels += (commission.palette.dark - canvas.pixels) * share
