"""Draw woodblock prints: key-lines, flat colors, wave patterns, bokashi, wood grain, a seal."""

from __future__ import annotations

import math

import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, smooth_noise
from artstyle_tf.demo.palettes import blend, brightened
from artstyle_tf.demo.scenes import Scene, Shape
from artstyle_tf.demo.subjects import compose

_SEAL_RED = np.array([0.70, 0.17, 0.13], np.float32)


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = spec.generator, spec.palette
    canvas = Canvas(spec.height_px, spec.width_px, palette.pale)
    key_width = 0.005 + 0.004 * spec.artist.boldness
    scene = compose(spec.subject, canvas, palette, generator)
    _draw_background(canvas, scene, generator)
    _draw_cloud_bands(canvas, spec, key_width)
    waves, stripes = _wave_stencil(canvas, spec), _stripe_stencil(canvas, spec)
    for shape in scene.shapes:
        _draw_printed_shape(canvas, shape, spec, key_width, waves, stripes)
    if generator.random() < 0.55:
        _draw_great_wave(canvas, scene, spec, key_width)
    if generator.random() < 0.35:
        _draw_blossom_branch(canvas, spec, key_width)
    _apply_wood_grain(canvas, spec)
    _draw_inscription(canvas, spec, key_width)
    if generator.random() < 0.4:
        frame = outlines.rectangle(0, 0, canvas.width, canvas.height)
        canvas.line(frame, blend(palette.pale, palette.light, 0.4), width=0.09, closed=True)
        edge = outlines.rectangle(0.045, 0.045, canvas.width - 0.045, canvas.height - 0.045)
        canvas.line(edge, palette.dark, width=key_width, closed=True)
    return canvas.finish()


def _draw_background(canvas: Canvas, scene: Scene, generator: np.random.Generator) -> None:
    """Draw a flat background with gradients (bokashi) at the upper edge and the horizon."""
    x, y = canvas.grid()
    ground = scene.sky_bottom
    top = np.exp(-y / generator.uniform(0.06, 0.16))
    low = 0.6 * np.exp(-(((y - scene.horizon) / 0.08) ** 2))
    canvas.pixels[:] = blend(ground, scene.sky_top, (low + 0 * x)[:, :, None])
    canvas.pixels[:] = blend(canvas.pixels, scene.palette.dark, 0.8 * (top + 0 * x)[:, :, None])


def _draw_cloud_bands(canvas: Canvas, spec: ImageSpec, key_width: float) -> None:
    """Draw stylized mist: up to three flat bars with round ends."""
    generator, palette = spec.generator, spec.palette
    for _ in range(generator.integers(0, 4)):
        y, thick = generator.uniform(0.12, 0.6) * canvas.height, generator.uniform(0.03, 0.06)
        start = generator.uniform(-0.3, 0.6) * canvas.width
        bar = np.array([(start, y), (start + generator.uniform(0.3, 0.9), y)])
        canvas.line(bar, palette.dark, width=thick + 2 * key_width)
        canvas.line(bar, palette.pale, width=thick)


def _draw_printed_shape(
    canvas: Canvas,
    shape: Shape,
    spec: ImageSpec,
    key_width: float,
    waves: np.ndarray,
    stripes: np.ndarray,
) -> None:
    """Draw a shape, flat or patterned, with its key-line."""
    generator, ink = spec.generator, spec.palette.dark
    canvas.fill(shape.outline, shape.color)
    if shape.kind == "water" or (shape.kind in ("solid", "land") and generator.random() < 0.4):
        second = brightened(shape.color, -0.25 if shape.color.mean() > 0.55 else 0.35)
        on_waves = shape.kind == "water" or generator.random() < 0.4
        canvas.fill(shape.outline, second, stencil=waves if on_waves else stripes)
    elif shape.kind == "leaf":
        for _ in range(4):
            x, y = generator.uniform(shape.outline.min(axis=0), shape.outline.max(axis=0))
            dash = np.array([(x - 0.012, y), (x + 0.012, y)])
            canvas.line(dash, ink, width=key_width, opacity=0.7)
    canvas.line(shape.outline, ink, width=key_width, closed=True, opacity=0.95)


def _wave_stencil(canvas: Canvas, spec: ImageSpec) -> np.ndarray:
    """Return a seigaiha stencil, overlapping concentric arcs: float32 [kH, kW] in 0..1."""
    radius = float(0.06 * spec.artist.scale * spec.generator.uniform(0.8, 1.2))
    x, y = canvas.grid()
    nearest = np.full((y.shape[0], x.shape[1]), radius, np.float32)
    # Lower rows cover upper ones, so the lowest row that reaches a pixel is evaluated last.
    for below in (0, 1, 2):
        row = np.floor(y / (0.5 * radius)) + below
        across = np.mod(x + np.mod(row, 2) * radius, 2 * radius) - radius
        distance = np.sqrt(across**2 + (row * 0.5 * radius - y) ** 2)
        nearest = np.where(distance < radius, distance, nearest)
    rings = np.cos(nearest * (2 * np.pi * 3 / radius))
    return np.clip(0.5 + rings * (radius * canvas.scale * 0.12), 0, 1)


def _stripe_stencil(canvas: Canvas, spec: ImageSpec) -> np.ndarray:
    """Return a stencil of slightly wavy stripes: float32 [kH, kW] in 0..1."""
    x, y = canvas.grid()
    step = 0.035 * spec.artist.scale
    angle = float(spec.generator.choice([0.0, 0.5 * np.pi, 0.8]))
    along = x * math.cos(angle) + y * math.sin(angle) + 0.008 * np.sin(40 * (x - y))
    return np.clip(0.5 + 3 * (np.cos(2 * np.pi / step * along) - 0.55), 0, 1)


def _draw_great_wave(canvas: Canvas, scene: Scene, spec: ImageSpec, key_width: float) -> None:
    """Draw a breaking wave at the left or right side, with stripes and foam."""
    generator, palette = spec.generator, spec.palette
    size = generator.uniform(0.35, 0.6)
    left = generator.random() < 0.5
    back = np.array([(-0.3, 1.1), (-0.2, 0.55), (0.0, 0.2), (0.3, 0.02), (0.62, 0.0), (0.85, 0.16)])
    belly = np.array([(0.88, 0.3), (0.7, 0.24), (0.52, 0.3), (0.45, 0.5), (0.6, 0.8), (1.2, 1.1)])
    foot = scene.height + 0.05
    lift = np.array([generator.uniform(-0.1, 0.25) * scene.width, foot - 1.1 * size])
    color, pale = brightened(palette.shade, -0.05), palette.pale

    def placed(points: np.ndarray) -> np.ndarray:
        points = points * size + lift
        return points if left else outlines.mirrored(points, scene.width / 2)

    body = outlines.smoothed(np.concatenate([back, belly]), closed=False)
    canvas.fill(placed(body), color)
    for share in (0.25, 0.5, 0.75):
        stripe = outlines.smoothed(back * (1 - share) + belly[::-1] * share, closed=False)
        canvas.line(placed(stripe), blend(color, pale, 0.75), width=0.022)
    canvas.line(placed(body), palette.dark, width=1.4 * key_width)
    for _ in range(26):  # foam, in claws along the lip
        at = np.array([generator.uniform(0.3, 0.95), generator.uniform(-0.04, 0.3)])
        at[1] = 0.02 + 0.75 * max(at[0] - 0.55, 0) ** 1.4 + generator.normal(0, 0.025)
        drop = outlines.ellipse(at, generator.uniform(0.015, 0.045))
        canvas.fill(placed(drop), pale)
        canvas.line(placed(drop), palette.dark, width=0.8 * key_width, closed=True)


def _draw_blossom_branch(canvas: Canvas, spec: ImageSpec, key_width: float) -> None:
    """Draw a blossoming branch that enters from the left or right side."""
    generator, palette = spec.generator, spec.palette
    left = generator.random() < 0.5
    knots = np.linspace(0, 1, 6)
    x = -0.03 + knots * generator.uniform(0.5, 0.9)
    y = 0.35 - 0.25 * knots + generator.normal(0, 0.04, 6)
    branch = outlines.smoothed(np.stack([x, y], axis=1), closed=False)
    branch = branch if left else outlines.mirrored(branch, canvas.width / 2)
    canvas.line(branch, palette.dark, width=0.02)
    color = brightened(palette.accent, 0.45)
    for at in branch[generator.integers(0, len(branch), 14)] + generator.normal(0, 0.03, (14, 2)):
        for petal in np.arange(5) * 2 * np.pi / 5:
            tip = at + 0.018 * np.array([np.cos(petal), np.sin(petal)])
            round_petal = outlines.ellipse(tip, 0.014)
            canvas.fill(round_petal, color)
            canvas.line(round_petal, palette.dark, width=0.6 * key_width, closed=True, opacity=0.7)


def _apply_wood_grain(canvas: Canvas, spec: ImageSpec) -> None:
    """Multiply the image by the grain of a wooden block: streaks that bend with smooth noise."""
    generator = spec.generator
    shape = canvas.pixels.shape[:2]
    bend = smooth_noise(shape, generator, cells=(3, 1.5))
    y = np.arange(shape[0], dtype=np.float32)[:, None] / canvas.scale
    rings = np.sin(2 * np.pi * (y * 38 + 1.1 * bend))
    streaks = smooth_noise(shape, generator, cells=(90, 5))
    strength = 0.022 + 0.02 * spec.artist.boldness
    canvas.pixels *= 1 + strength * (0.6 * rings + 0.7 * streaks)[:, :, None]


def _draw_inscription(canvas: Canvas, spec: ImageSpec, key_width: float) -> None:
    """Draw a strip with brushed characters and a red seal below it."""
    generator, palette = spec.generator, spec.palette
    high, wide = generator.uniform(0.16, 0.3), 0.062
    x = generator.choice([0.07, canvas.width - 0.07 - wide])
    y = generator.uniform(0.07, 0.2)
    slip = outlines.rectangle(x, y, x + wide, y + high)
    if generator.random() < 0.6:
        canvas.fill(slip, brightened(palette.pale, 0.2))
        canvas.line(slip, palette.dark, width=key_width, closed=True)
    for top in np.arange(y + 0.03, y + high - 0.01, 0.042):
        for _ in range(4):
            center = np.array([x + wide / 2, top]) + generator.normal(0, 0.009, 2)
            stroke = generator.normal(0, 0.011, 2) * (1, 0.7)
            points = np.stack([center - stroke, center + stroke])
            canvas.line(points, palette.dark, width=0.006)
    seal = outlines.rectangle(x + 0.012, y + high + 0.015, x + wide - 0.012, y + high + 0.053)
    canvas.fill(seal, _SEAL_RED)
    middle = seal.mean(axis=0)
    for shift in (-0.008, 0.008):
        stroke = outlines.moved(np.array([(-0.012, shift), (0.012, shift)]), middle)
        canvas.line(stroke, palette.pale, width=0.004)
