"""Draw Naturalist images: aerial perspective, irregular edges, and fine textures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from artstyle_tf.demo.artists import ImageSpec
from artstyle_tf.demo.canvas import Canvas, Window, blurred, smooth_noise
from artstyle_tf.demo.palettes import blend, brightened
from artstyle_tf.demo.scenes import Scene, Shape
from artstyle_tf.demo.subjects import compose


@dataclass(frozen=True)
class _SurfaceNoise:
    """Noise fields of the whole image: float32 [kH, kW] each, standard deviation 1."""

    grain: np.ndarray
    patches: np.ndarray
    ripples: np.ndarray


def draw(spec: ImageSpec) -> np.ndarray:
    """Draw the image.

    Returns:
        float32 [H, W, 3] in 0..1.
    """
    generator, palette = spec.generator, spec.palette
    canvas = Canvas(spec.height_px, spec.width_px, palette.pale, oversampling=1)
    scene = compose(spec.subject, canvas, palette, generator)
    _draw_sky(canvas, scene, spec)
    surface = _surface_noise(canvas, generator)
    for shape in scene.shapes:
        _draw_shape(canvas, shape, scene, surface, spec.artist.boldness)
        if shape.kind == "leaf":
            _draw_foliage(canvas, shape, generator)
    _displace_edges(canvas, generator)
    _draw_grass(canvas, scene, spec)
    _apply_light(canvas, generator)
    return canvas.finish()


def _draw_sky(canvas: Canvas, scene: Scene, spec: ImageSpec) -> None:
    """Draw the gradient of the sky with shaded clouds."""
    generator = spec.generator
    shape = canvas.pixels.shape[:2]
    sky = scene.sky(canvas)
    cloud = smooth_noise(shape, generator, cells=(4.5, 2), octaves=5, persistence=0.5)
    cover = np.clip(0.6 * cloud + generator.uniform(-0.3, 0.4), 0, 1)[:, :, None]
    lit = brightened(scene.palette.pale, 0.1)
    canvas.pixels[:] = blend(sky, blend(sky, lit, 0.6), cover)
    below = blurred(np.roll(cloud, -round(0.03 * canvas.scale), axis=0), 0.012 * canvas.scale)
    under = np.clip(cloud - below, -1, 1)
    canvas.pixels *= 1 + 0.17 * under[:, :, None]


def _surface_noise(canvas: Canvas, generator: np.random.Generator) -> _SurfaceNoise:
    size = canvas.pixels.shape[:2]
    return _SurfaceNoise(
        grain=smooth_noise(size, generator, cells=28, octaves=3, persistence=1.0),
        patches=smooth_noise(size, generator, cells=5, octaves=4),
        # Longer and thinner than grain.
        ripples=smooth_noise(size, generator, cells=(70, 9), octaves=2),
    )


def _draw_shape(
    canvas: Canvas, shape: Shape, scene: Scene, surface: _SurfaceNoise, boldness: float
) -> None:
    """Draw a textured shape, lit from one side and faded with its depth."""
    air = 0.45 * shape.depth**1.5
    color = blend(shape.color, blend(scene.sky_bottom, scene.palette.light, 0.4), air)
    if shape.kind == "light":
        canvas.fill(shape.outline, color, opacity=0.85, soft=0.02)
        return
    strength = (0.18 + 0.06 * boldness) * (1 - 0.5 * shape.depth)
    strength *= 0.6 if shape.kind == "solid" else 1.0  # glaze, plaster and fabric are smoother
    warm = blend(color, scene.palette.accent, 0.35) - color
    crest, y = float(shape.outline[:, 1].min()), canvas.grid()[1]

    def texture(window: Window) -> np.ndarray:
        if shape.kind == "water":
            waves = color * (1 + 1.2 * strength * surface.ripples[window])[:, :, None]
            return blend(waves, scene.sky_bottom, 0.25)
        grainy = color * (1 + strength * surface.grain[window])[:, :, None]
        grainy = grainy + warm * np.clip(0.5 * surface.patches[window], 0, 1)[:, :, None]
        if shape.kind == "land":
            grainy *= 1.1 - 0.35 * np.clip((y[window[0]] - crest) / 0.35, 0, 1)[:, :, None]
        return grainy

    canvas.fill(shape.outline, texture, soft=0.003 + 0.004 * shape.depth)
    if shape.kind in ("solid", "leaf"):
        canvas.shade(shape.outline, angle=-2.3, depth=0.45, soft=0.01)


def _displace_edges(canvas: Canvas, generator: np.random.Generator) -> None:
    """Displace pixels by fractal noise, so that no contour stays a smooth curve."""
    rows, columns = canvas.pixels.shape[:2]
    reach = 0.0032 * canvas.scale
    noise = [
        smooth_noise((rows, columns), generator, cells=40, octaves=2, persistence=0.8)
        for _ in range(2)
    ]
    x = np.arange(columns, dtype=np.float32)[None, :] + reach * noise[0]
    y = np.arange(rows, dtype=np.float32)[:, None] + reach * noise[1]
    canvas.pixels = cv2.remap(
        canvas.pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def _draw_foliage(canvas: Canvas, shape: Shape, generator: np.random.Generator) -> None:
    """Draw clusters of specks, lit from above: tree crowns, bouquets and hair."""
    low, high = shape.outline.min(axis=0), shape.outline.max(axis=0)
    size = high - low
    count = int(np.clip(5000 * float(np.prod(size)), 10, 220))
    reach = generator.normal(0, 0.25, (count, 2))
    centers = (low + high) / 2 + reach * size
    lights = np.clip(-0.12 - 0.6 * reach[:, 1] + generator.normal(0, 0.14, count), -0.5, 0.4)
    radii = 0.0055 * generator.uniform(0.6, 1.5, count)
    turns = generator.uniform(0, 2 * np.pi, (count, 1)) + np.array([0, 1.9, 3.9])
    corners = np.stack([np.cos(turns), np.sin(turns)], axis=2) * radii[:, None, None]
    for speck, light in zip(corners + centers[:, None], lights, strict=True):
        canvas.fill(speck, brightened(shape.color, float(light)), opacity=0.8)


def _draw_grass(canvas: Canvas, scene: Scene, spec: ImageSpec) -> None:
    """Draw blades of grass in the foreground if the scene has land there."""
    generator = spec.generator
    if not any(shape.kind == "land" and shape.depth < 0.6 for shape in scene.shapes):
        return
    nearness = np.sort(generator.beta(2.0, 1.0, 480))
    start = scene.horizon + 0.4 * (scene.height - scene.horizon)
    feet = start + (scene.height + 0.03 - start) * nearness
    across = generator.uniform(0, scene.width, len(feet))
    for foot, x, near in zip(feet, across, nearness, strict=True):
        tall, lean = 0.06 * near**2 * generator.uniform(0.4, 1.2), generator.normal(0, 0.012)
        row = min(int(foot * canvas.scale), canvas.pixels.shape[0] - 1)
        column = min(int(x * canvas.scale), canvas.pixels.shape[1] - 1)
        color = brightened(canvas.pixels[row, column], generator.uniform(-0.3, 0.3))
        blade = np.array([(x, foot), (x + 0.3 * lean, foot - 0.6 * tall), (x + lean, foot - tall)])
        canvas.line(blade, color, width=0.004, opacity=0.85)


def _apply_light(canvas: Canvas, generator: np.random.Generator) -> None:
    """Brighten the image around a random point and darken it elsewhere."""
    x, y = canvas.grid()
    at = generator.uniform(0.1, 0.9) * canvas.width, generator.uniform(0.1, 0.5) * canvas.height
    distance = np.sqrt((x - at[0]) ** 2 + (y - at[1]) ** 2)
    glow = np.exp(-((distance / generator.uniform(0.45, 0.8)) ** 2))[:, :, None]
    canvas.pixels *= 0.82 + 0.3 * glow
