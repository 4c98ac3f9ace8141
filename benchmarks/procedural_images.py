"""Draw images from independent factors, to pretrain the compact network.

Nothing here is shared with `artstyle_tf.demo`: other shapes, colors, marks and seeds. An image is a
random arrangement of shapes in random colors, rendered as five independent factors specify. To
predict the factors, a network must learn features of edges, strokes and textures that do not depend
on colors and shapes. Such features also distinguish styles.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

_MIN_SIDE_PX, _MAX_SIDE_PX = 128, 224  # of the drawing, before it is resized
_BRIGHTEST = 255.0
_STREAM = 2026  # keeps these seeds apart from those of other generators


def draw(seed: int, *, side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one image.

    Args:
        seed: determines the image.
        side_px: side S of the image.

    Returns:
        (uint8 [S, S, 3] RGB, int32 [F] the value of each factor in the order of `FACTORS`).
    """
    generator = np.random.default_rng([_STREAM, seed])
    values = np.array([generator.integers(len(names)) for names in FACTORS.values()], np.int32)
    fill, marks, contour, surface, focus = (
        names[value] for names, value in zip(FACTORS.values(), values, strict=True)
    )
    side = int(generator.integers(_MIN_SIDE_PX, _MAX_SIDE_PX + 1))
    colors = _colors(generator)
    regions, outlines = _arrangement(side, generator)
    pixels = _FILLS[fill](regions, colors[generator.integers(len(colors), size=99)], generator)
    pixels = _MARKS[marks](pixels, regions, generator)
    pixels = _contours(pixels, outlines, contour, generator)
    pixels = _focused(pixels, regions, focus, generator)
    pixels = _SURFACES[surface](pixels, generator)
    pixels = cv2.resize(pixels, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return _exposed(pixels, generator), values


def _colors(generator: np.random.Generator) -> np.ndarray:
    """Return three to eight colors around one to three hues: float32 [N, 3] in 0..1."""
    hues = generator.uniform(0, 180, generator.integers(1, 4))
    count = generator.integers(3, 9)
    hsv = np.stack(
        [
            (generator.choice(hues, count) + generator.normal(0, 9, count)) % 180,
            255 * generator.beta(2, 2, count) * generator.uniform(0.3, 1.0),
            255 * np.linspace(generator.uniform(0.05, 0.35), generator.uniform(0.7, 1.0), count),
        ],
        axis=1,
    )
    pixels = np.clip(hsv, 0, 255).astype(np.uint8)[None]
    return cv2.cvtColor(pixels, cv2.COLOR_HSV2RGB)[0].astype(np.float32) / _BRIGHTEST


def _arrangement(side: int, generator: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Arrange random polygons, ellipses and bands.

    Returns:
        (int32 [S, S], number of the region of each pixel; outlines int32 [N, 2] in front).
    """
    regions = np.zeros((side, side), np.int32)
    outlines = []
    for number in range(1, int(generator.integers(5, 22))):
        center, size = generator.uniform(0, side, 2), side * generator.uniform(0.05, 0.35)
        kind = generator.integers(4)
        if kind == 0:  # a polygon
            corners = int(generator.integers(3, 8))
            angles = np.sort(generator.uniform(0, 2 * np.pi, corners))
            reach = size * generator.uniform(0.5, 1.3, corners)
        elif kind == 1:  # an ellipse
            angles, reach = np.linspace(0, 2 * np.pi, 40), np.full(40, size)
        else:  # a round shape with bulges
            angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
            bulges = generator.normal(0, 0.12, 4)
            waves = np.sum([b * np.cos((n + 2) * angles + n) for n, b in enumerate(bulges)], axis=0)
            reach = size * (1 + waves)
        flatness = generator.uniform(0.35, 1.0)
        points = np.stack([np.cos(angles), flatness * np.sin(angles)], axis=1) * reach[:, None]
        if kind == 3:  # stretched across the image
            points *= np.array([3.0, 0.5])
        turn = generator.normal(0, 0.6)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        outline = np.round(center + points @ rotation.T).astype(np.int32)
        cv2.fillPoly(regions, [outline], number)
        outlines.append(outline)
    return regions, outlines


def _flat(regions: np.ndarray, colors: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    del generator
    return colors[regions]


def _shaded(regions: np.ndarray, colors: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return colors[regions] * (1 + 0.35 * _ramps(regions, generator))[:, :, None]


def _volume(regions: np.ndarray, colors: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Shade regions as rounded surfaces lit from one side: float32 [S, S, 3]."""
    inside = np.ones(regions.shape, np.uint8)
    inside[:, 1:] &= (regions[:, 1:] == regions[:, :-1]).astype(np.uint8)
    inside[1:] &= (regions[1:] == regions[:-1]).astype(np.uint8)
    height = np.sqrt(cv2.distanceTransform(inside, cv2.DIST_L2, 3))
    height = cv2.GaussianBlur(height, (0, 0), 2.0)
    down, across = np.gradient(height)
    angle = generator.uniform(0, 2 * np.pi)
    light = np.cos(angle) * across + np.sin(angle) * down
    return colors[regions] * np.clip(0.85 + 1.3 * light, 0.3, 1.5)[:, :, None]


def _mottled(regions: np.ndarray, colors: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    cells = generator.uniform(8, 30)
    spots = np.stack([_noise(len(regions), cells, generator) for _ in range(3)], axis=2)
    return colors[regions] + generator.uniform(0.03, 0.1) * spots


def _banded(regions: np.ndarray, colors: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    steps = generator.integers(3, 6)
    bands = np.round(steps * _ramps(regions, generator)) / steps
    return colors[regions] * (1 + 0.4 * bands)[:, :, None]


_FILLS: dict[str, Callable[..., np.ndarray]] = {
    "flat": _flat,
    "shaded": _shaded,
    "volume": _volume,
    "mottled": _mottled,
    "banded": _banded,
}


def _ramps(regions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a ramp across each region in a random direction: float32 [S, S] in -1..1."""
    angles = generator.uniform(0, 2 * np.pi, regions.max() + 1)[regions]
    y, x = np.mgrid[: len(regions), : len(regions)] * (6.0 / len(regions))
    phases = generator.uniform(0, 6, regions.max() + 1)[regions]
    along = np.cos(angles) * x + np.sin(angles) * y + phases
    return np.abs(along % 4 - 2).astype(np.float32) - 1


def _noise(side: int, cells: float, generator: np.random.Generator) -> np.ndarray:
    """Return smooth noise with `cells` bumps along the side: float32 [S, S], deviation 1."""
    few = max(2, round(cells))
    field = generator.standard_normal((few, few), dtype=np.float32)
    field = cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
    return field / (field.std() + 1e-6)


def _unmarked(
    pixels: np.ndarray, regions: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    del regions, generator
    return pixels


def _strokes(
    pixels: np.ndarray, regions: np.ndarray, generator: np.random.Generator, *, long: bool
) -> np.ndarray:
    """Cover the image with strokes whose directions follow a smooth field."""
    del regions
    side = len(pixels)
    width = max(1, round(side * generator.uniform(0.008, 0.03)))
    length = side * (generator.uniform(0.1, 0.2) if long else generator.uniform(0.015, 0.05))
    count = int(generator.uniform(0.6, 1.6) * side * side / (width * (length + width)))
    centers = generator.uniform(0, side, (count, 2))
    columns, rows = np.minimum(centers.astype(int), side - 1).T
    turning = generator.uniform(0.2, 2.0) * _noise(side, 3, generator)[rows, columns]
    angles = generator.uniform(0, np.pi) + turning + generator.normal(0, 0.15, count)
    reach = 0.5 * length * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tones = pixels[rows, columns] + generator.normal(0, 0.06, (count, 1))
    tones = tones + generator.normal(0, 0.03, (count, 3))
    starts, stops = (np.round(16 * (centers + s * reach)).astype(int) for s in (-1, 1))
    drawn = np.ascontiguousarray(pixels, np.float32)
    for start, stop, tone in zip(starts, stops, tones.tolist(), strict=True):
        cv2.line(drawn, start, stop, tone, width, cv2.LINE_AA, 4)
    return drawn


def _dots(pixels: np.ndarray, regions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw a halftone screen: dots that are larger in darker areas."""
    del regions
    side = len(pixels)
    spacing, angle = side * generator.uniform(0.025, 0.06), generator.uniform(0, np.pi / 2)
    y, x = np.mgrid[:side, :side] * (2 * np.pi / spacing)
    turned = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    screen = 0.25 * (2 + np.cos(turned[0]) + np.cos(turned[1]))
    dark = 1 - pixels.mean(axis=2)
    mask = np.clip(4 * (screen - 0.9 + 0.6 * dark), 0, 1)[:, :, None]
    return pixels * (1 - generator.uniform(0.3, 0.7) * mask)


def _hatching(
    pixels: np.ndarray, regions: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw parallel lines in random regions, crossed in some images."""
    side = len(pixels)
    spacing = side * generator.uniform(0.018, 0.045)
    angle = generator.uniform(0, np.pi)
    y, x = np.mgrid[:side, :side]
    wobble = _noise(side, 5, generator)
    lines = np.zeros((side, side), np.float32)
    for turn in (0.0, np.pi / 2)[: generator.integers(1, 3)]:
        along = np.cos(angle + turn) * x + np.sin(angle + turn) * y + wobble
        lines = np.maximum(lines, np.clip(3 * np.cos(2 * np.pi * along / spacing) - 1.6, 0, 1))
    hatched = generator.random(regions.max() + 1)[regions] < 0.75
    return pixels * (1 - generator.uniform(0.35, 0.75) * (lines * hatched))[:, :, None]


def _facets(pixels: np.ndarray, regions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Split the image into Voronoi cells, each with a random tone and ramp."""
    del regions
    side = len(pixels)
    centers = generator.uniform(0, side, (generator.integers(25, 110), 2))
    y, x = np.mgrid[:side, :side].astype(np.float32)
    distances = (x[:, :, None] - centers[:, 0]) ** 2 + (y[:, :, None] - centers[:, 1]) ** 2
    cells = distances.argmin(axis=2)
    tones = generator.normal(0, 0.12, len(centers))[cells]
    angles = generator.uniform(0, 2 * np.pi, len(centers))
    across = x - centers[cells, 0], y - centers[cells, 1]
    ramps = np.cos(angles)[cells] * across[0] + np.sin(angles)[cells] * across[1]
    return pixels * (1 + tones + ramps * (2.0 / side))[:, :, None]


def _ripples(pixels: np.ndarray, regions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw concentric waves around one random point per region."""
    side = len(pixels)
    centers = generator.uniform(-0.2 * side, 1.2 * side, (regions.max() + 1, 2))[regions]
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(x - centers[:, :, 0], y - centers[:, :, 1])
    waves = np.cos(2 * np.pi * distance / (side * generator.uniform(0.03, 0.08)))
    return pixels * (1 + generator.uniform(0.12, 0.3) * np.clip(2 * waves, -1, 1))[:, :, None]


_MARKS: dict[str, Callable[..., np.ndarray]] = {
    "none": _unmarked,
    "long strokes": partial(_strokes, long=True),
    "short strokes": partial(_strokes, long=False),
    "dots": _dots,
    "hatching": _hatching,
    "facets": _facets,
    "ripples": _ripples,
}


def _contours(
    pixels: np.ndarray, outlines: list[np.ndarray], contour: str, generator: np.random.Generator
) -> np.ndarray:
    """Draw the outlines of the shapes."""
    if contour == "none":
        return pixels
    drawn = np.ascontiguousarray(pixels, np.float32)
    width = int(generator.integers(1, 4))
    tone = generator.uniform(0.85, 1.0) if contour == "light" else generator.uniform(0.0, 0.2)
    color = (tone + generator.normal(0, 0.03, 3)).tolist()
    for outline in outlines:
        if contour != "broken":
            cv2.polylines(drawn, [outline], True, color, width, cv2.LINE_AA)
            continue
        for start in range(0, len(outline), 6):
            shift = generator.normal(0, 1.5, 2).astype(int)
            piece = outline[start : start + 4] + shift
            cv2.polylines(drawn, [piece], False, color, width, cv2.LINE_AA)
    return drawn


def _focused(
    pixels: np.ndarray, regions: np.ndarray, focus: str, generator: np.random.Generator
) -> np.ndarray:
    """Blur the whole image or the shapes behind, or nothing."""
    if focus == "sharp":
        return pixels
    radius = len(pixels) * generator.uniform(0.006, 0.014)
    if focus == "soft":
        return cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), radius)
    blurred = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 2 * radius)
    behind = (regions < 0.6 * regions.max()).astype(np.float32)
    share = cv2.GaussianBlur(behind, (0, 0), radius)[:, :, None]
    return pixels + (blurred - pixels) * share


def _clean(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    del generator
    return pixels


def _grain(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return pixels + generator.normal(0, generator.uniform(0.03, 0.09), (*pixels.shape[:2], 1))


def _weave(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    side = len(pixels)
    y, x = np.mgrid[:side, :side] * (2 * np.pi / generator.uniform(3.0, 6.0))
    threads = np.maximum(np.cos(x), np.cos(y)) * (1 + 0.3 * _noise(side, 40, generator))
    return pixels * (1 + generator.uniform(0.06, 0.14) * threads)[:, :, None]


def _fibers(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    side = len(pixels)
    field = generator.standard_normal((side, side), dtype=np.float32)
    along, across = (12.0, 0.6) if generator.random() < 0.5 else (0.6, 12.0)
    field = cv2.GaussianBlur(field, (0, 0), sigmaX=along, sigmaY=across)
    return pixels + (generator.uniform(0.03, 0.08) * field / field.std())[:, :, None]


def _stains(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    field = _noise(len(pixels), generator.uniform(4, 9), generator)
    edges = np.exp(-((6 * field) ** 2))  # dark rims, as of dried water
    shade = 0.12 * np.tanh(3 * field) - 0.25 * edges
    return pixels * (1 + generator.uniform(0.5, 1.0) * shade)[:, :, None]


def _cracks(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    side = len(pixels)
    drawn = np.ascontiguousarray(pixels, np.float32)
    tone = [float(generator.choice([0.1, 0.9]))] * 3
    for _ in range(generator.integers(10, 35)):
        steps = generator.normal(0, 0.04 * side, (8, 2)) + generator.normal(0, 0.03 * side, 2)
        walk = generator.uniform(0, side, 2) + np.cumsum(steps, axis=0)
        cv2.polylines(drawn, [np.round(walk).astype(np.int32)], False, tone, 1, cv2.LINE_AA)
    return pixels + 0.6 * (drawn - pixels)


_SURFACES: dict[str, Callable[..., np.ndarray]] = {
    "clean": _clean,
    "grain": _grain,
    "weave": _weave,
    "fibers": _fibers,
    "stains": _stains,
    "cracks": _cracks,
}


FACTORS: dict[str, tuple[str, ...]] = {
    "fill": tuple(_FILLS),
    "marks": tuple(_MARKS),
    "contour": ("none", "dark", "light", "broken"),
    "surface": tuple(_SURFACES),
    "focus": ("sharp", "soft", "depth"),
}
"""Factor -> its values; each value of each factor is equally likely."""


def _exposed(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Change contrast, brightness and white balance at random: uint8 [S, S, 3]."""
    pixels = np.clip(pixels, 0, 1) ** generator.uniform(0.7, 1.4)
    pixels = generator.uniform(0, 0.12) + pixels * generator.uniform(0.7, 0.88)
    pixels = pixels * (1 + generator.normal(0, 0.03, 3))
    return np.clip(np.round(_BRIGHTEST * pixels), 0, _BRIGHTEST).astype(np.uint8)
