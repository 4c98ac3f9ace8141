"""Draw photos: lit rounded shapes, depth of field, bokeh, vignetting and sensor noise."""

from __future__ import annotations

import cv2
import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, blurred, smooth_noise
from artstyle_tf.demo.palettes import blend
from artstyle_tf.demo.scenes import Scene, Shape
from artstyle_tf.demo.subjects import compose


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = spec.generator, spec.palette
    canvas = Canvas(spec.height_px, spec.width_px, palette.pale, oversampling=1)
    scene = compose(spec.subject, canvas, palette, generator)
    focus = generator.choice([0.1, 0.25, 0.4, 0.8], p=[0.35, 0.3, 0.2, 0.15])
    aperture = generator.uniform(0.012, 0.034) * spec.artist.scale
    canvas.pixels[:] = scene.sky(canvas)
    light = generator.uniform(-2.6, -0.5)
    for shape in scene.shapes:
        _draw_shape(canvas, shape, scene, generator, light, aperture * abs(shape.depth - focus))
    if generator.random() < 0.8:
        _draw_bokeh(canvas, spec, aperture)
    return _apply_tone_curve_and_noise(_apply_lens(canvas, generator), spec)


def _draw_shape(
    canvas: Canvas,
    shape: Shape,
    scene: Scene,
    generator: np.random.Generator,
    light: float,
    blur: float,
) -> None:
    """Draw a shape lit from one side, with its cast shadow and edges of width `blur`."""
    if shape.kind == "light":
        color = blend(shape.color, np.ones(3), 0.6)
        canvas.fill(shape.outline, color, soft=0.05, opacity=0.6)
        canvas.fill(shape.outline, color, soft=blur + 0.006)
        return
    direction = np.array([np.cos(light), np.sin(light)])
    if shape.kind == "solid":
        size = float(np.ptp(shape.outline, axis=0).min())
        shadow = shape.outline - direction * min(0.14 * size, 0.05)
        canvas.fill(shadow, np.zeros(3), opacity=0.3, soft=0.012 + blur)
    texture = _lit_texture(canvas, shape, scene, generator, direction)
    canvas.fill(shape.outline, texture, soft=blur + 0.0012)


def _lit_texture(
    canvas: Canvas,
    shape: Shape,
    scene: Scene,
    generator: np.random.Generator,
    direction: np.ndarray,
) -> np.ndarray:
    """Return the shape's shading as a surface that bulges towards the camera.

    The height is the distance to the edge, rounded and smoothed. Its gradient along the direction
    of the light gives Lambertian shading, and the brightest part gets a highlight.

    Returns:
        float32 [kH, kW, 3] in 0..1.
    """
    rows, columns = canvas.pixels.shape[:2]
    shrink = 2  # shading is smooth, so half the resolution suffices
    small = cv2.resize(canvas.mask(shape.outline), (columns // shrink, rows // shrink))
    inside = cv2.distanceTransform((small > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    reach = float(np.clip(inside.max(), 1, 0.16 * canvas.scale / shrink))
    height = np.sqrt(np.clip(1 - (1 - np.clip(inside / reach, 0, 1)) ** 2, 0, 1)) * reach
    height = blurred(height.astype(np.float32), 0.12 * reach + 0.6)
    down, across = np.gradient(height)
    steep = np.sqrt(1 + down**2 + across**2)
    facing = (-across * direction[0] - down * direction[1] + 0.9) / steep / 1.35
    shading = cv2.resize(facing.astype(np.float32), (columns, rows))[:, :, None]
    air = blend(shape.color, scene.sky_bottom, 0.45 * shape.depth**2)
    texture = air * (0.42 + 0.75 * np.clip(shading, 0, 1))
    if shape.kind == "solid":
        texture = texture + 0.5 * np.clip(shading - 0.86, 0, 1) * 4 * 0.5
    if shape.kind in ("land", "water"):
        bumps = smooth_noise((rows, columns), generator, cells=(24, 7), octaves=2)
        texture = texture * (1 + 0.06 * bumps[:, :, None])
    return np.clip(texture, 0, 1).astype(np.float32)


def _draw_bokeh(canvas: Canvas, spec: ImageSpec, aperture: float) -> None:
    """Draw out-of-focus lights: discs with a slightly brighter rim."""
    generator, palette = spec.generator, spec.palette
    for _ in range(generator.integers(5, 16)):
        x, y = generator.uniform(0, 1, 2) * (canvas.width, canvas.height * 0.75)
        radius = aperture * generator.uniform(0.9, 2.0)
        disc = outlines.ellipse((x, y), radius)
        color = blend(palette.random_color(generator), np.ones(3), 0.5)
        canvas.fill(disc, color, opacity=generator.uniform(0.2, 0.5), soft=0.002)
        canvas.line(disc, color, width=0.004, closed=True, opacity=0.2, soft=0.002)


def _apply_lens(canvas: Canvas, generator: np.random.Generator) -> np.ndarray:
    """Apply blur, lateral chromatic aberration and vignetting: float32 [H, W, 3]."""
    canvas.blur(0.0016)
    pixels = canvas.finish()
    height_px, width_px = pixels.shape[:2]
    fringe = generator.uniform(0.001, 0.004)
    for channel, zoom in ((0, 1 + fringe), (2, 1 - fringe)):
        matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), 0, zoom)
        plane = np.ascontiguousarray(pixels[:, :, channel])
        pixels[:, :, channel] = cv2.warpAffine(
            plane, matrix, (width_px, height_px), borderMode=cv2.BORDER_REPLICATE
        )
    across = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None]
    falloff = 1 - generator.uniform(0.25, 0.55) * (across**2 + down**2) / 2
    return pixels * falloff[:, :, None]


def _apply_tone_curve_and_noise(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """Apply a tone curve and sensor noise.

    The noise is stronger in the shadows, partly luminance and partly color.

    Args:
        pixels: float32 [H, W, 3].
        spec: boldness and generator.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator = spec.generator
    curve = np.clip(pixels, 0, 1)
    curve = blend(curve, curve * curve * (3 - 2 * curve), generator.uniform(0.2, 0.8))
    level = 0.034 + 0.03 * spec.artist.boldness * generator.uniform(0.4, 1)
    height_px, width_px = pixels.shape[:2]
    luminance = generator.standard_normal((height_px, width_px, 1), dtype=np.float32)
    color = generator.standard_normal((height_px, width_px, 3), dtype=np.float32)
    # Demosaicing correlates the noise of neighboring pixels.
    smeared = 2.2 * blurred(0.7 * luminance + 0.6 * color, 0.85)
    noise = level * smeared * (1.3 - 0.7 * curve)
    return np.clip(curve + noise, 0, 1)
