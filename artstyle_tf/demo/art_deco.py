"""Draw Art Deco images: symmetry, sunbursts, fans, steps, gradients between gold lines."""

from __future__ import annotations

import itertools

import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.palettes import Palette, blend, brightened
from artstyle_tf.demo.subjects import compose

_GOLD = np.array([0.82, 0.65, 0.30], np.float32)


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = spec.generator, spec.palette
    canvas = Canvas(spec.height_px, spec.width_px, palette.dark)
    metal = _metal_color(palette, generator)
    line_width = 0.008 + 0.005 * spec.artist.boldness
    kind = generator.choice(["scene", "skyline", "fans", "fountain"], p=[0.3, 0.3, 0.25, 0.15])
    if kind == "scene":
        _draw_mirrored_scene(canvas, spec, metal, line_width)
    elif kind == "skyline":
        _draw_sunburst(canvas, spec, metal, line_width)
        _draw_skyscrapers(canvas, spec, metal, line_width)
    elif kind == "fans":
        _draw_fan_pattern(canvas, spec, metal, line_width)
        _draw_medallion(canvas, spec, metal, line_width)
    else:
        _draw_sunburst(canvas, spec, metal, line_width)
        _draw_fountain(canvas, spec, metal, line_width)
    _draw_stepped_frame(canvas, spec, metal, line_width)
    spray = smooth_noise(canvas.pixels.shape[:2], generator, cells=110)
    canvas.pixels *= 1 + 0.015 * spray[:, :, None]
    return canvas.finish()


def _metal_color(palette: Palette, generator: np.random.Generator) -> np.ndarray:
    """Return the line color, gold blended with a palette color by up to half: float32 [3]."""
    other = palette.accent if generator.random() < 0.5 else palette.pale
    return blend(_GOLD, other, generator.uniform(0.0, 0.5))


def _contrasting_colors(palette: Palette, generator: np.random.Generator) -> np.ndarray:
    """Return four palette colors, alternately dark and light: float32 [4, 3]."""
    by_brightness = palette.colors[np.argsort(palette.colors.mean(axis=1))]
    dark, light = generator.permutation(by_brightness[:3]), generator.permutation(by_brightness[3:])
    return np.stack([dark[0], light[0], dark[1], light[1]])


def _draw_shaded_plane(
    canvas: Canvas,
    outline: np.ndarray,
    color: np.ndarray,
    metal: np.ndarray,
    line_width: float,
    *,
    angle: float = -np.pi / 2,
) -> None:
    """Draw a filled outline with a brightness gradient and a metallic edge."""
    canvas.fill(outline, color)
    canvas.shade(outline, angle=angle, depth=0.42)
    canvas.line(outline, metal, width=line_width, closed=True)


def _draw_sunburst(canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float) -> None:
    """Draw rays from a point on the vertical axis, with concentric discs at their center."""
    generator, palette = spec.generator, spec.palette
    x, y = canvas.width / 2, canvas.height * generator.uniform(0.35, 1.0)
    count = 2 * int(generator.integers(9, 18))
    angles = np.linspace(0, 2 * np.pi, count + 1)
    first, second = _contrasting_colors(palette, generator)[:2]
    for index, (start, stop) in enumerate(itertools.pairwise(angles)):
        ray = outlines.sector(x, y, 0.0, 2.5, start, stop)
        canvas.fill(ray, first if index % 2 else second)
        middle = (start + stop) / 2
        canvas.shade(ray, angle=middle, depth=0.3)
        edge = np.array([(x, y), (x + 2.5 * np.cos(start), y + 2.5 * np.sin(start))])
        canvas.line(edge, metal, width=0.6 * line_width)
    for radius in np.arange(0.08, generator.uniform(0.15, 0.3), 0.05)[::-1]:
        color = palette.random_color(generator)
        _draw_shaded_plane(canvas, outlines.ellipse((x, y), radius), color, metal, line_width)


def _draw_skyscrapers(
    canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float
) -> None:
    """Draw towers that narrow towards the top in steps, the tallest on the axis."""
    generator, palette = spec.generator, spec.palette
    axis, foot = canvas.width / 2, canvas.height + 0.02
    half = generator.uniform(0.1, 0.15) * spec.artist.scale
    distance = np.arange(4, -1, -1) * half * generator.uniform(1.0, 1.35)
    for position in distance:
        tall = canvas.height * (0.78 - 0.5 * position / canvas.width) * generator.uniform(0.8, 1)
        steps, color = int(generator.integers(3, 6)), palette.random_color(generator)
        for x in sorted({axis - position, axis + position}):
            _draw_tower(canvas, (x, foot), (half, tall), steps, color, metal, line_width)


def _draw_tower(
    canvas: Canvas,
    base: tuple[float, float],
    size: tuple[float, float],
    steps: int,
    color: np.ndarray,
    metal: np.ndarray,
    line_width: float,
) -> None:
    """Draw a tower with metal ribs, lit from the image's axis.

    Args:
        canvas: what to draw on.
        base: (x, y) of the middle of the tower's foot.
        size: (half width, height).
        steps: number of nested blocks, at least 1.
        color: float [3], RGB in 0..1, of the lowest block.
        metal: float [3], RGB in 0..1, of edges and ribs.
        line_width: width of the edges, in canvas units.
    """
    (x, foot), (half, tall) = base, size
    angle = 0.0 if x < canvas.width / 2 else np.pi
    for step in range(steps):
        inset = 0.8 * half * step / steps
        top = foot - tall * (0.6 + 0.4 * step / steps)
        block = outlines.rectangle(x - half + inset, top, x + half - inset, foot)
        lit = brightened(color, 0.05 * step)
        _draw_shaded_plane(canvas, block, lit, metal, line_width, angle=angle)
    for rib in np.linspace(-0.5, 0.5, 5) * half:
        line = np.array([(x + rib, foot), (x + rib, foot - 0.85 * tall)])
        canvas.line(line, metal, width=0.5 * line_width, opacity=0.8)


def _draw_fan(
    canvas: Canvas,
    center: tuple[float, float],
    radius: float,
    colors: np.ndarray,
    metal: np.ndarray,
    line_width: float,
) -> None:
    """Draw a half disc of four rings (`colors`: float [4, 3]) with seven ribs."""
    x, y = center
    middle = np.array(center)
    for ring, color in zip((1.0, 0.78, 0.52, 0.25), colors, strict=True):
        piece = outlines.sector(x, y, 0.0, ring * radius, np.pi, 2 * np.pi)
        _draw_shaded_plane(canvas, piece, color, metal, line_width)
    for angle in np.linspace(np.pi, 2 * np.pi, 9)[1:-1]:
        direction = np.array([np.cos(angle), np.sin(angle)]) * radius
        rib = np.stack([middle + 0.25 * direction, middle + direction])
        canvas.line(rib, metal, width=0.6 * line_width)


def _draw_fan_pattern(
    canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float
) -> None:
    """Draw rows of fans; each row covers half of the row above."""
    generator, palette = spec.generator, spec.palette
    radius = generator.uniform(0.18, 0.27) * spec.artist.scale
    colors = _contrasting_colors(palette, generator)
    axis = canvas.width / 2
    reach = int(np.ceil(axis / radius / 2)) + 1
    for row, y in enumerate(np.arange(0.0, canvas.height + 2 * radius, 0.5 * radius)):
        for column in range(-reach, reach + 1):
            x = axis + (2 * column + row % 2) * radius
            _draw_fan(canvas, (x, y), radius, colors, metal, line_width)


def _draw_medallion(canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float) -> None:
    """Draw a centered panel with a fan and chevrons, with a probability of 0.7."""
    generator, palette = spec.generator, spec.palette
    if generator.random() < 0.3:
        return
    x, y = canvas.width / 2, canvas.height / 2
    half, high = 0.26, 0.34
    cut = [(-1, -0.6), (-0.6, -1), (0.6, -1), (1, -0.6), (1, 0.6), (0.6, 1), (-0.6, 1), (-1, 0.6)]
    for share in (1.0, 0.92, 0.84):
        panel = np.array(cut) * (half * share, high * share) + (x, y)
        _draw_shaded_plane(canvas, panel, palette.random_color(generator), metal, 1.4 * line_width)
    colors = _contrasting_colors(palette, generator)
    _draw_fan(canvas, (x, y + 0.06), 0.17, colors, metal, line_width)
    for step in range(4):
        low = y + 0.11 + 0.035 * step
        chevron = np.array([(x - 0.13, low), (x, low + 0.05), (x + 0.13, low)])
        canvas.line(chevron, metal, width=1.6 * line_width)


def _draw_fountain(canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float) -> None:
    """Draw a fountain: nested arches on both sides of the axis, on a stepped base."""
    generator, palette = spec.generator, spec.palette
    x, foot = canvas.width / 2, canvas.height * 0.93
    for layer in range(5, 0, -1):
        radius = 0.085 * layer * spec.artist.scale
        color = palette.colors[(layer + generator.integers(2)) % 7]
        for side in (-1, 1):
            spring = x + side * radius * 0.5
            jet = outlines.arc(spring, foot - 0.6, radius * 0.5, np.pi, 2 * np.pi)
            falls = np.array([(spring + radius * 0.5, foot), (spring - radius * 0.5, foot)])
            _draw_shaded_plane(canvas, np.concatenate([jet, falls]), color, metal, line_width)
    for step in range(4):
        half, top = 0.42 - 0.08 * step, foot - 0.05 * step
        base = outlines.rectangle(x - half, top, x + half, canvas.height + 0.02)
        _draw_shaded_plane(canvas, base, palette.random_color(generator), metal, line_width)


def _draw_mirrored_scene(
    canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float
) -> None:
    """Draw the subject over rays, mirrored at the vertical axis, with brightness gradients."""
    generator = spec.generator
    _draw_sunburst(canvas, spec, metal, line_width)
    scene = compose(spec.subject, canvas, spec.palette, generator)
    angle = generator.choice([-np.pi / 2, np.pi / 2])
    for shape in scene.shapes:
        for outline in (outlines.mirrored(shape.outline, canvas.width / 2), shape.outline):
            _draw_shaded_plane(canvas, outline, shape.color, metal, line_width, angle=angle)
    # Copying one half makes the symmetry exact also where shapes overlap.
    half = canvas.pixels.shape[1] // 2
    canvas.pixels[:, -half:] = canvas.pixels[:, :half][:, ::-1]


def _draw_stepped_frame(
    canvas: Canvas, spec: ImageSpec, metal: np.ndarray, line_width: float
) -> None:
    """Draw a frame of two metallic lines with stepped corners."""
    margin, step = 0.035, 0.045
    for inset, width in ((margin, 1.8 * line_width), (margin + 0.025, 0.8 * line_width)):
        right, bottom = canvas.width - inset, canvas.height - inset
        stairs = np.array([(0, 2), (1, 2), (1, 1), (2, 1), (2, 0)]) * step
        points = [
            outlines.moved(stairs, (inset, inset)),
            outlines.moved((stairs * (-1, 1))[::-1], (right, inset)),
            outlines.moved(stairs * (-1, -1), (right, bottom)),
            outlines.moved((stairs * (1, -1))[::-1], (inset, bottom)),
        ]
        canvas.line(np.concatenate(points), metal, width=width, closed=True)
    if spec.artist.boldness > 0.5:
        edge = outlines.rectangle(0, 0, canvas.width, canvas.height)
        canvas.line(edge, spec.palette.dark, width=0.04, closed=True)
