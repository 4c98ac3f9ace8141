"""Draw cartoons: flat fills, one hard shadow, thick black outlines, and a character."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas
from artstyle_tf.demo.palettes import Palette, blend, brightened
from artstyle_tf.demo.scenes import Scene
from artstyle_tf.demo.subjects import compose

_BLACK = np.array([0.06, 0.05, 0.07], np.float32)


@dataclass(frozen=True)
class Pen:
    """Width and color of the outlines.

    Attributes:
        width: of the line, in canvas units.
        ink: float32 [3], nearly black.
    """

    width: float
    ink: np.ndarray


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = spec.generator, spec.palette
    canvas = Canvas(spec.height_px, spec.width_px, palette.pale)
    pen = Pen(width=0.014 + 0.009 * spec.artist.boldness, ink=_ink_color(palette, generator))
    scene = compose(spec.subject, canvas, palette, generator)
    _draw_backdrop(canvas, scene, spec)
    for shape in scene.shapes:
        _draw_inked_shape(canvas, shape.outline, shape.color, pen)
    if generator.random() < 0.95:
        _draw_character(canvas, spec, pen)
    if generator.random() < 0.3:
        frame = outlines.rectangle(0.015, 0.015, canvas.width - 0.015, canvas.height - 0.015)
        canvas.line(frame, palette.pale, width=0.07, closed=True)
        inner = outlines.rectangle(0.05, 0.05, canvas.width - 0.05, canvas.height - 0.05)
        canvas.line(inner, pen.ink, width=pen.width, closed=True)
    return canvas.finish()


def _ink_color(palette: Palette, generator: np.random.Generator) -> np.ndarray:
    """Return the outline color, from black to the palette's darkened dark color: float32 [3]."""
    return blend(_BLACK, palette.dark * 0.8, generator.uniform(0, 1))


def _draw_inked_shape(canvas: Canvas, outline: np.ndarray, color: np.ndarray, pen: Pen) -> None:
    """Draw a flat fill with one hard shadow at the lower right, and its outline."""
    canvas.fill(outline, brightened(color, -0.28))
    size = np.ptp(outline, axis=0)
    lit = (outline - outline.min(axis=0)) * 0.86 + outline.min(axis=0)
    if size.max() < 0.7:  # only objects get a shadow, not the ground
        canvas.fill(lit + 0.02 * size, color)
    else:
        canvas.fill(outline, color)
    canvas.line(outline, pen.ink, width=pen.width, closed=True)


def _draw_backdrop(canvas: Canvas, scene: Scene, spec: ImageSpec) -> None:
    """Draw a flat background color, plain or with dots or rays."""
    generator = spec.generator
    color = blend(scene.sky_top, scene.sky_bottom, generator.uniform(0, 1))
    second = brightened(color, generator.choice([-0.2, 0.25]))
    canvas.pixels[:] = color
    kind = generator.integers(3)
    if kind == 0:
        step = 0.055 * spec.artist.scale
        x, y = canvas.grid()
        rows = np.floor(y / step)
        across = np.mod(x + 0.5 * step * np.mod(rows, 2), step) - 0.5 * step
        down = np.mod(y, step) - 0.5 * step
        radius = np.sqrt(across**2 + down**2)
        share = np.clip((0.3 * step - radius) * canvas.scale + 0.5, 0, 1)
        canvas.pixels[:] = blend(color, second, share[:, :, None])
    elif kind == 1:
        x, y = generator.uniform(0.2, 0.8) * canvas.width, 0.5 * canvas.height
        angles = np.linspace(0, 2 * np.pi, 25)
        for start, stop in zip(angles[::2], angles[1::2], strict=False):
            canvas.fill(outlines.sector(x, y, 0.0, 3.0, start, stop), second)


def _draw_character(canvas: Canvas, spec: ImageSpec, pen: Pen) -> None:
    """Draw a round head on a short body, with a speech balloon with a probability of 0.6."""
    generator, palette = spec.generator, spec.palette
    size = generator.uniform(0.13, 0.21) * spec.artist.scale
    x = generator.uniform(0.25, 0.75) * canvas.width
    y = canvas.height - generator.uniform(1.3, 2.6) * size
    coat, skin = palette.random_color(generator), brightened(palette.random_color(generator), 0.35)
    body = outlines.smoothed(
        outlines.moved([(-0.55, 0.6), (0.55, 0.6), (0.95, 2.9), (-0.95, 2.9)], (x, y), scale=size),
        rounds=2,
    )
    _draw_inked_shape(canvas, body, coat, pen)
    for side in (-1, 1):
        swing = generator.uniform(0.2, 1.3)
        elbow, hand = (side * 1.1, swing), (side * 1.5, swing - 0.6)
        limb = outlines.moved([(side * 0.5, 1.0), elbow, hand], (x, y), scale=size)
        limb = outlines.smoothed(limb, closed=False)
        canvas.line(limb, pen.ink, width=0.3 * size + 2 * pen.width)
        canvas.line(limb, coat, width=0.3 * size)
        _draw_inked_shape(canvas, outlines.ellipse(limb[-1], 0.24 * size), skin, pen)
    _draw_head(canvas, spec, (x, y), size, skin, pen)
    if generator.random() < 0.6:
        _draw_speech_balloon(canvas, spec, (x, y), size, pen)


def _draw_head(
    canvas: Canvas,
    spec: ImageSpec,
    center: tuple[float, float],
    size: float,
    skin: np.ndarray,
    pen: Pen,
) -> None:
    """Draw ears, head, eyes, nose and mouth."""
    generator, palette = spec.generator, spec.palette
    x, y = center
    ear = generator.choice([0.28, 0.45])
    for side in (-1, 1):
        at = (x + side * 0.75 * size, y - (0.7 if ear > 0.3 else 0.0) * size)
        _draw_inked_shape(canvas, outlines.ellipse(at, ear * size), skin, pen)
    _draw_inked_shape(canvas, outlines.ellipse((x, y), size, 0.92 * size), skin, pen)
    look = generator.uniform(-0.08, 0.08, 2) * size
    for side in (-1, 1):
        eye = outlines.ellipse((x + 0.34 * side * size, y - 0.2 * size), 0.24 * size, 0.3 * size)
        canvas.fill(eye, np.ones(3))
        canvas.line(eye, pen.ink, width=0.7 * pen.width, closed=True)
        pupil = outlines.ellipse(eye.mean(axis=0) + look, 0.11 * size)
        canvas.fill(pupil, pen.ink)
    nose = outlines.ellipse((x, y + 0.15 * size), 0.16 * size, 0.12 * size)
    _draw_inked_shape(canvas, nose, palette.accent, pen)
    smile = outlines.arc(x, y + 0.15 * size, 0.5 * size, 0.15 * np.pi, 0.85 * np.pi)
    if generator.random() < 0.5:
        _draw_inked_shape(canvas, smile, palette.second_accent, pen)
    else:
        canvas.line(smile, pen.ink, width=pen.width)


def _draw_speech_balloon(
    canvas: Canvas,
    spec: ImageSpec,
    center: tuple[float, float],
    size: float,
    pen: Pen,
) -> None:
    """Draw an oval with a tail towards the head and wavy lines for words."""
    generator = spec.generator
    x, y = center
    side = 1 if x < canvas.width / 2 else -1
    at_x = np.clip(x + side * 0.33, 0.24, canvas.width - 0.24)
    at_y = max(y - size - 0.26, 0.15)
    white = np.full(3, 0.97, np.float32)
    balloon = outlines.ellipse((at_x, at_y), 0.2, 0.13)
    mouth = (x + 0.6 * side * size, y - 0.75 * size)
    tail = np.array([(at_x - 0.06, at_y + 0.08), (at_x + 0.06, at_y + 0.08), mouth], np.float32)
    canvas.line(balloon, pen.ink, width=2 * pen.width, closed=True)
    canvas.line(tail, pen.ink, width=2 * pen.width, closed=True)
    canvas.fill(balloon, white)
    canvas.fill(tail, white)
    for row in (-0.045, 0.0, 0.045):
        half = 0.13 * generator.uniform(0.6, 1)
        word = np.linspace(-half, half, 24)
        wave = at_y + row + 0.01 * np.sin(word * generator.uniform(90, 160))
        canvas.line(np.stack([at_x + word, wave], axis=1), pen.ink, width=0.008)
