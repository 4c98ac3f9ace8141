"""Draw Rococo images: a soft scene with asymmetric scrolls, shells and garlands."""

from __future__ import annotations

import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.palettes import blend, brightened
from artstyle_tf.demo.subjects import compose


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette, artist = spec.generator, spec.palette, spec.artist
    canvas = Canvas(spec.height_px, spec.width_px, palette.pale)
    _draw_pastel_scene(canvas, spec)
    gilt = blend(brightened(palette.accent, 0.25), palette.pale, generator.uniform(0.1, 0.5))
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    for corner in generator.permutation(corners)[: generator.integers(2, 5)]:
        _draw_corner_ornament(canvas, spec, corner, gilt)
    for _ in range(generator.integers(2, 6)):
        x, y = generator.uniform(0.1, 0.9, 2) * (canvas.width, canvas.height)
        size = generator.uniform(0.08, 0.16) * artist.scale
        _draw_s_scroll(canvas, spec, (x, y), size, generator.uniform(0, 2 * np.pi), gilt)
    for _ in range(generator.integers(1, 4)):
        _draw_garland(canvas, spec)
    if generator.random() < 0.7:
        _draw_shell(canvas, spec, gilt)
    canvas.pixels = blend(canvas.pixels, np.clip(canvas.pixels, 0.0, 1.0) ** 0.8, 0.5)
    return canvas.finish()


def _draw_pastel_scene(canvas: Canvas, spec: ImageSpec) -> None:
    """Draw the subject in pastel colors with soft shading and blurred contours."""
    generator, palette = spec.generator, spec.palette
    scene = compose(spec.subject, canvas, palette, generator)
    powder = generator.uniform(0.1, 0.5)
    canvas.pixels[:] = blend(scene.sky(canvas), palette.pale, 0.6 * powder)
    clouds = smooth_noise(canvas.pixels.shape[:2], generator, cells=3, octaves=3)
    glow = blend(palette.pale, palette.accent, 0.2)
    canvas.pixels[:] = blend(canvas.pixels, glow, np.clip(0.35 * clouds, 0, 0.6)[:, :, None])
    for shape in scene.shapes:
        color = blend(shape.color, palette.pale, powder + 0.2 * shape.depth)
        canvas.fill(shape.outline, color, soft=0.006)
        canvas.shade(shape.outline, angle=-1.9, depth=0.2, soft=0.01)
    canvas.blur(0.006)


def _draw_molding(canvas: Canvas, points: np.ndarray, color: np.ndarray, width: float) -> None:
    """Draw a tapering band along points, float [N, 2], with a shadow and a highlight."""
    shadow = brightened(color, -0.55)
    pieces = 6
    # Six pieces of decreasing width make the taper; they overlap, so that no joint is visible.
    edges = np.linspace(0, len(points) - 1, pieces + 1).astype(int)
    spans = list(zip(edges[:-1], edges[1:], range(pieces), strict=True))
    lift = np.array([-0.22, -0.28]) * width
    for shift, tone, share in (
        (np.array([0.012, 0.015]), None, 1.1),
        (np.zeros(2), shadow, 1.0),
        (lift * 0.35, color, 0.72),
        (lift, brightened(color, 0.6), 0.22),
    ):
        for start, stop, position in spans:
            wide = width * share * (1 - 0.1 * position)
            span = points[start : stop + 2] + shift
            if tone is None:
                canvas.line(span, np.zeros(3), width=wide, opacity=0.12, soft=0.006)
            else:
                canvas.line(span, tone, width=wide)


def _draw_c_scroll(
    canvas: Canvas,
    at: np.ndarray,
    size: float,
    turn: float,
    flip: bool,
    color: np.ndarray,
    generator: np.random.Generator,
) -> None:
    """Draw a C-scroll: a spiral with two leaves that ends in a bud."""
    points = outlines.spiral(at, size, turns=generator.uniform(1.1, 1.7), turn=turn, flip=flip)
    side = -1 if flip else 1
    for share in (0.1, 0.25):
        root = points[int(share * len(points))]
        angle = turn + side * (2 * np.pi * share * 1.4 + 0.4)
        leaf = outlines.moved(
            outlines.ellipse((0.5, 0), 0.5, 0.16), root, turn=angle, scale=0.5 * size
        )
        canvas.fill(leaf, brightened(color, -0.3))
        canvas.fill(leaf - 0.004, brightened(color, 0.15))
    _draw_molding(canvas, points, color, 0.16 * size)
    bud = outlines.ellipse(points[-1], 0.11 * size)
    canvas.fill(bud, brightened(color, -0.4))
    canvas.fill(outlines.ellipse(points[-1] - 0.02 * size, 0.08 * size), color)
    canvas.fill(outlines.ellipse(points[-1] - 0.04 * size, 0.03 * size), np.ones(3))


def _draw_s_scroll(
    canvas: Canvas,
    spec: ImageSpec,
    at: tuple[float, float],
    size: float,
    turn: float,
    color: np.ndarray,
) -> None:
    """Draw an S-scroll: two C-scrolls of unequal size with opposite curvature."""
    generator = spec.generator
    flip = bool(generator.random() < 0.5)
    way = np.array([np.cos(turn), np.sin(turn)])
    smaller = size * generator.uniform(0.5, 0.8)
    _draw_c_scroll(canvas, np.array(at) - way * size, size, turn, flip, color, generator)
    other = np.array(at) + way * smaller
    _draw_c_scroll(canvas, other, smaller, turn + np.pi, flip, color, generator)


def _draw_corner_ornament(
    canvas: Canvas, spec: ImageSpec, corner: np.ndarray, color: np.ndarray
) -> None:
    """Draw C-scrolls of decreasing size from a corner along both edges, unequally far."""
    generator, artist = spec.generator, spec.artist
    size = generator.uniform(0.15, 0.24) * artist.scale
    inward = 1 - 2 * np.asarray(corner)
    origin = np.asarray(corner) * (canvas.width, canvas.height)
    for axis in (0, 1):
        reach = size * generator.uniform(0.5, 0.8)
        for step in range(generator.integers(1, 4)):
            shrink = 0.72**step
            at = origin + inward * size * 0.45
            at[axis] += inward[axis] * (reach + 1.25 * size * step * shrink)
            turn, flip = generator.uniform(0, 2 * np.pi), bool(generator.random() < 0.5)
            _draw_c_scroll(canvas, at, size * shrink * 0.8, turn, flip, color, generator)
    _draw_c_scroll(
        canvas,
        origin + inward * size * 0.5,
        size,
        generator.uniform(0, 6.3),
        True,
        color,
        generator,
    )


def _draw_garland(canvas: Canvas, spec: ImageSpec) -> None:
    """Draw flowers and leaves along a ribbon that hangs between two points."""
    generator, palette = spec.generator, spec.palette
    start = generator.uniform((0.0, 0.02), (0.5, 0.5)) * (canvas.width, canvas.height)
    length = generator.uniform(0.35, 0.8)
    share = np.linspace(0, 1, 40)
    sag, drop = generator.uniform(0.1, 0.28), generator.uniform(-0.15, 0.3)
    x = start[0] + length * share
    y = start[1] + drop * share + 4 * sag * share * (1 - share)
    ribbon = np.stack([x, y], axis=1)
    canvas.line(ribbon, brightened(palette.middle, 0.3), width=0.014)
    leaf_color, petals = blend(palette.shade, palette.middle, 0.5), palette.colors[[3, 4, 5, 6]]
    for at in ribbon[::2] + generator.normal(0, 0.012, (20, 2)):
        angle = generator.uniform(0, 2 * np.pi)
        leaf = outlines.ellipse(at, 0.036, 0.013, turn=angle)
        canvas.fill(leaf, brightened(leaf_color, generator.uniform(0, 0.4)), opacity=0.9)
    for at in ribbon[::3] + generator.normal(0, 0.008, (14, 2)):
        _draw_rose(canvas, at, petals[generator.integers(4)], generator)


def _draw_rose(
    canvas: Canvas, at: np.ndarray, color: np.ndarray, generator: np.random.Generator
) -> None:
    """Draw a blossom of three rings of petals, darker towards the center."""
    size = generator.uniform(0.018, 0.034)
    for ring, count in ((1.0, 7), (0.6, 5), (0.25, 2)):
        for petal in generator.uniform(0, 1) + np.arange(count) * 2 * np.pi / count:
            tip = at + 0.6 * size * ring * np.array([np.cos(petal), np.sin(petal)])
            lit = 0.35 * ring - 0.15 * (np.sin(petal) > 0)
            tone = brightened(color, lit + generator.uniform(-0.08, 0.08))
            canvas.fill(outlines.ellipse(tip, 0.55 * size), tone, opacity=0.9)


def _draw_shell(canvas: Canvas, spec: ImageSpec, color: np.ndarray) -> None:
    """Draw a slightly rotated scallop shell near an edge."""
    generator = spec.generator
    size = generator.uniform(0.13, 0.22) * spec.artist.scale
    edge = generator.integers(4)
    at = generator.uniform(0.25, 0.75, 2)
    at[edge % 2] = (0.05, 0.95)[edge // 2]
    hinge = at * (canvas.width, canvas.height)
    # The ribs point inwards from the edge, with a random deviation.
    inward = (0.0, np.pi / 2, np.pi, -np.pi / 2)[edge] + generator.normal(0, 0.3)
    for rib in np.linspace(-1.15, 1.15, 9):
        tip = np.array([np.cos(inward + rib), np.sin(inward + rib)]) * size * (1 - 0.12 * rib**2)
        lobe = np.stack([hinge, hinge + 0.55 * tip, hinge + tip])
        canvas.line(lobe, brightened(color, -0.45), width=0.2 * size)
        canvas.line(lobe, brightened(color, 0.1), width=0.15 * size)
        canvas.line(lobe - 0.02 * size, brightened(color, 0.6), width=0.04 * size)
