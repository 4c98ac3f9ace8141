"""Add motifs that several subjects share to a scene."""

from __future__ import annotations

import numpy as np

from artstyle_tf.demo import outlines
from artstyle_tf.demo.palettes import brightened
from artstyle_tf.demo.scenes import Scene


def varied_color(scene: Scene, generator: np.random.Generator, *choices: int) -> np.ndarray:
    """Return one of the palette colors at the given positions, slightly varied: float32 [3]."""
    color = scene.palette.colors[generator.choice(choices)]
    return brightened(color, generator.uniform(-0.12, 0.12))


def add_sun(scene: Scene, generator: np.random.Generator) -> None:
    """Add a sun or moon above the horizon."""
    x, y = generator.uniform(0.15, 0.85) * scene.width, generator.uniform(0.1, 0.9) * scene.horizon
    color = varied_color(scene, generator, 4, 5, 6)
    scene.add(outlines.ellipse((x, y), generator.uniform(0.05, 0.13)), color, 1.0, "light")


def add_mountain(scene: Scene, generator: np.random.Generator) -> None:
    """Add a volcano with snow on top."""
    x, foot = generator.uniform(0.2, 0.8) * scene.width, scene.horizon + 0.04
    tall, half = generator.uniform(0.2, 0.38), generator.uniform(0.35, 0.6)
    side = np.array([(1, 0), (0.55, 0.24), (0.27, 0.58), (0.12, 0.92), (0.05, 1)])
    steps = np.concatenate([side * (-1, 1), side[::-1]])
    points = np.stack([x + half * steps[:, 0], foot - tall * steps[:, 1]], axis=1)
    scene.add(points.astype(np.float32), varied_color(scene, generator, 1, 2), 0.9, "land")
    zigzag = [(-0.2, 0.72), (-0.12, 0.6), (-0.05, 0.74), (0.02, 0.56), (0.1, 0.7), (0.2, 0.72)]
    snow = np.array([(-0.05, 1), *zigzag, (0.05, 1)])
    points = np.stack([x + half * snow[:, 0], foot - tall * snow[:, 1]], axis=1)
    scene.add(points.astype(np.float32), scene.palette.pale, 0.89, "light")


def add_tree(
    scene: Scene, x: float, foot: float, size: float, generator: np.random.Generator
) -> None:
    """Add a round tree, a poplar or a pine of height `size` that stands at (x, foot)."""
    trunk = outlines.rectangle(x - 0.05 * size, foot - 0.6 * size, x + 0.05 * size, foot)
    depth = float(np.clip(0.8 - size, 0.05, 0.8))
    scene.add(trunk, scene.palette.dark, depth, "solid")
    color, kind = varied_color(scene, generator, 0, 1, 2, 5), generator.integers(3)
    if kind == 0:
        for _ in range(3):
            shift = generator.uniform(-0.25, 0.25, 2) * size
            crown = outlines.blob(
                (x + shift[0], foot - 0.8 * size + shift[1]), 0.3 * size, generator
            )
            shaded = brightened(color, generator.uniform(-0.15, 0.15))
            scene.add(crown, shaded, depth, "leaf")
    elif kind == 1:
        crown = outlines.ellipse((x, foot - 0.8 * size), 0.15 * size, 0.62 * size)
        scene.add(crown, color, depth, "leaf")
    else:
        for step in range(3):
            low, half = foot - (0.2 + 0.3 * step) * size, (0.36 - 0.09 * step) * size
            pine = np.array([(x - half, low), (x, low - 0.5 * size), (x + half, low)], np.float32)
            scene.add(pine, brightened(color, 0.06 * step), depth, "leaf")


def add_house(
    scene: Scene, x: float, foot: float, size: float, generator: np.random.Generator
) -> None:
    """Add a gabled house of width `size` whose lower left corner is at (x, foot)."""
    wall, roof = varied_color(scene, generator, 3, 4), varied_color(scene, generator, 5, 6, 1)
    scene.add(outlines.rectangle(x, foot - 0.6 * size, x + size, foot), wall, 0.5, "solid")
    peak = [(x - 0.1 * size, foot - 0.6 * size), (x + 0.5 * size, foot - 1.1 * size)]
    gable = np.array([*peak, (x + 1.1 * size, foot - 0.6 * size)], np.float32)
    scene.add(gable, roof, 0.5, "solid")
    door = outlines.rectangle(x + 0.4 * size, foot - 0.35 * size, x + 0.6 * size, foot)
    scene.add(door, scene.palette.dark, 0.48, "solid")


def add_table(scene: Scene, generator: np.random.Generator) -> None:
    """Add a slightly tilted table whose far edge is the horizon."""
    tilt = generator.uniform(-0.05, 0.05)
    top = outlines.rectangle(-0.1, scene.horizon, scene.width + 0.1, scene.height + 0.1)
    top[0, 1] += tilt
    top[1, 1] -= tilt
    scene.add(top, varied_color(scene, generator, 1, 2, 3, 5), 0.7, "solid")


def add_vase(
    scene: Scene, x: float, foot: float, size: float, generator: np.random.Generator
) -> None:
    """Add a symmetric vase of height `size` that stands at (x, foot)."""
    neck, belly = generator.uniform(0.08, 0.18), generator.uniform(0.22, 0.4)
    profile = [(neck, 1), (neck, 0.72), (belly, 0.45), (belly, 0.2), (0.16, 0)]
    right = np.array([(half, -up) for half, up in profile])
    around = np.concatenate([right, right[::-1] * (-1, 1)])
    points = outlines.moved(outlines.smoothed(around, rounds=2), (x, foot), scale=size)
    scene.add(points, varied_color(scene, generator, 0, 1, 4, 5, 6), 0.3, "solid")
