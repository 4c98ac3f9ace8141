"""Compose the subjects of the images. All styles share them; only the rendering differs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from artstyle_tf.demo import motifs, outlines
from artstyle_tf.demo.canvas import Canvas
from artstyle_tf.demo.palettes import Palette, blend, brightened
from artstyle_tf.demo.scenes import Scene


def compose(
    subject: str, canvas: Canvas, palette: Palette, generator: np.random.Generator
) -> Scene:
    """Compose a subject for a canvas.

    Args:
        subject: one of `SUBJECTS`.
        canvas: only its width and height are used.
        palette: colors of the image.
        generator: source of randomness.

    Returns:
        The scene.
    """
    ends = [
        (palette.middle, palette.pale),
        (palette.light, palette.pale),
        (palette.pale, palette.light),
        (palette.shade, palette.accent),
        (palette.middle, palette.second_accent),
        (palette.dark, palette.middle),
        (palette.shade, palette.light),
    ]
    sky_top, sky_bottom = ends[generator.integers(len(ends))]
    scene = Scene(
        width=canvas.width,
        height=canvas.height,
        palette=palette,
        sky_top=sky_top,
        sky_bottom=sky_bottom,
        horizon=canvas.height * generator.uniform(0.4, 0.66),
    )
    _SUBJECTS[subject](scene, generator)
    return scene


def _add_landscape(scene: Scene, generator: np.random.Generator) -> None:
    if generator.random() < 0.6:
        motifs.add_sun(scene, generator)
    if generator.random() < 0.3:
        motifs.add_mountain(scene, generator)
    count = int(generator.integers(2, 5))
    for position in range(count):
        nearness = position / count
        level = scene.horizon + (scene.height - scene.horizon) * nearness * 0.9
        relief = generator.uniform(0.05, 0.13)
        crest = outlines.ridge(
            scene.width, scene.height, level, relief, generator, bumps=generator.uniform(1, 4)
        )
        color = blend(
            motifs.varied_color(scene, generator, 2, 3),
            motifs.varied_color(scene, generator, 0, 1, 5),
            nearness,
        )
        scene.add(crest, color, 0.85 * (1 - nearness), "land")
        if position == 0 and generator.random() < 0.4:
            lake = outlines.rectangle(-0.1, scene.horizon + 0.06, scene.width + 0.1, scene.height)
            scene.add(lake, blend(scene.sky_bottom, scene.palette.middle, 0.4), 0.7, "water")
        if position == count - 2 and generator.random() < 0.4:
            x = generator.uniform(0.1, 0.7) * scene.width
            motifs.add_house(scene, x, level + 0.05, generator.uniform(0.12, 0.22), generator)
    for foot in np.sort(generator.uniform(scene.horizon + 0.05, scene.height, 5)):
        size = 0.1 + 0.55 * (foot - scene.horizon)
        motifs.add_tree(scene, generator.uniform(0.03, 0.97) * scene.width, foot, size, generator)


def _add_sea(scene: Scene, generator: np.random.Generator) -> None:
    if generator.random() < 0.75:
        motifs.add_sun(scene, generator)
    if generator.random() < 0.5:
        motifs.add_mountain(scene, generator)
    water = outlines.rectangle(-0.1, scene.horizon, scene.width + 0.1, scene.height + 0.1)
    scene.add(water, motifs.varied_color(scene, generator, 1, 2, 3), 0.8, "water")
    for position in range(generator.integers(1, 4)):
        x = generator.uniform(0.1, 0.9) * scene.width
        y = scene.horizon + 0.04 + 0.1 * position
        size, lean = generator.uniform(0.06, 0.1) * (1 + position), generator.choice([-1, 1])
        hull = [(-1, 0), (1, 0), (0.7, 0.35), (-0.7, 0.35)]
        scene.add(outlines.moved(hull, (x, y), scale=size), scene.palette.dark, 0.6, "solid")
        sail = [(0, -0.1), (0, -2.2), (lean * 0.95, -0.2)]
        color = motifs.varied_color(scene, generator, 4, 5, 6)
        scene.add(outlines.moved(sail, (x, y), scale=size), color, 0.6, "solid")
    for nearness in np.linspace(0.35, 0.9, generator.integers(2, 4)):
        level = scene.horizon + (scene.height - scene.horizon) * nearness
        crest = outlines.ridge(
            scene.width, scene.height, level, 0.1, generator, bumps=generator.uniform(3, 6)
        )
        color = blend(motifs.varied_color(scene, generator, 2, 3), scene.palette.shade, nearness)
        scene.add(crest, color, 0.8 * (1 - nearness), "water")


def _add_still_life(scene: Scene, generator: np.random.Generator) -> None:
    motifs.add_table(scene, generator)
    room = scene.height - scene.horizon
    for x in generator.permutation([0.2, 0.5, 0.78])[: generator.integers(2, 4)]:
        foot = scene.horizon + room * generator.uniform(0.15, 0.4)
        motifs.add_vase(scene, x * scene.width, foot, generator.uniform(0.4, 0.62), generator)
    for foot in np.sort(scene.horizon + room * generator.uniform(0.35, 0.85, 6)):
        x, size = generator.uniform(0.12, 0.88) * scene.width, generator.uniform(0.055, 0.1)
        fruit = outlines.ellipse((x, foot), size, size * generator.uniform(0.85, 1))
        scene.add(fruit, motifs.varied_color(scene, generator, 3, 5, 6, 6), 0.1, "solid")


def _add_portrait(scene: Scene, generator: np.random.Generator) -> None:
    x, turn = generator.uniform(0.38, 0.62) * scene.width, generator.uniform(-0.15, 0.15)
    top = scene.height * generator.uniform(0.12, 0.22)
    head = generator.uniform(0.15, 0.2)
    face_y = top + 1.25 * head
    hair, coat = (
        motifs.varied_color(scene, generator, 0, 1, 5),
        motifs.varied_color(scene, generator, 0, 1, 2, 6),
    )
    skin = blend(
        scene.palette.pale,
        motifs.varied_color(scene, generator, 3, 5),
        generator.uniform(0.2, 0.5),
    )
    scene.add(outlines.blob((x, face_y), head * 1.35, generator, roughness=0.06), hair, 0.4, "leaf")
    slope = [(-2.6, 6), (-2.2, 2.9), (-0.7, 2.0), (0.7, 2.0), (2.2, 2.9), (2.6, 6)]
    body = outlines.smoothed(outlines.moved(slope, (x, face_y), scale=head), rounds=2)
    scene.add(body, coat, 0.3, "solid")
    neck = outlines.rectangle(x - 0.4 * head, face_y, x + 0.4 * head, face_y + 2.2 * head)
    scene.add(neck, brightened(skin, -0.15), 0.25, "solid")
    face = outlines.ellipse((x, face_y), 0.85 * head, 1.15 * head, turn=turn)
    scene.add(face, skin, 0.2, "solid")
    if generator.random() < 0.5:
        color = motifs.varied_color(scene, generator, 5, 6, 0)
        brim = outlines.ellipse((x, face_y - 0.85 * head), 1.9 * head, 0.3 * head, turn=turn)
        scene.add(outlines.ellipse((x, face_y - 1.1 * head), head, 0.7 * head), color, 0.2, "solid")
        scene.add(brim, brightened(color, 0.1), 0.15, "solid")


def _add_town(scene: Scene, generator: np.random.Generator) -> None:
    if generator.random() < 0.6:
        motifs.add_sun(scene, generator)
    for row in range(2):
        x, foot = -0.05, scene.height * (0.86 + 0.08 * row)
        while x < scene.width:
            wide = generator.uniform(0.12, 0.26)
            roof = foot - generator.uniform(0.25, 0.72 - 0.3 * row) * scene.height
            color = motifs.varied_color(scene, generator, *((2, 3, 5) if row == 0 else (0, 1, 6)))
            depth = 0.6 - 0.4 * row
            for step in range(generator.integers(1, 4)):
                inset = 0.2 * step * wide
                left, right = x + inset, x + wide - inset
                up = outlines.rectangle(left, roof - 0.07 * step, right, foot)
                scene.add(up, brightened(color, 0.06 * step), depth, "solid")
            for y in np.arange(roof + 0.06, foot - 0.05, 0.085):
                window = outlines.rectangle(x + 0.3 * wide, y, x + 0.7 * wide, y + 0.035)
                scene.add(window, scene.palette.pale, depth - 0.01, "solid")
            x += wide * generator.uniform(0.85, 1.1)
    street = outlines.rectangle(-0.1, scene.height * 0.93, scene.width + 0.1, scene.height + 0.1)
    scene.add(street, motifs.varied_color(scene, generator, 0, 1, 3), 0.05, "land")


def _add_flowers(scene: Scene, generator: np.random.Generator) -> None:
    motifs.add_table(scene, generator)
    x, foot = generator.uniform(0.35, 0.65) * scene.width, scene.horizon + 0.2
    heart = foot - 0.55
    for _ in range(generator.integers(8, 16)):
        angle, reach = generator.uniform(0, 2 * np.pi), generator.uniform(0.15, 0.36)
        leaf = outlines.ellipse(
            (x + reach * np.cos(angle), heart + reach * np.sin(angle)), 0.09, 0.03, turn=angle
        )
        scene.add(leaf, motifs.varied_color(scene, generator, 1, 2), 0.35, "leaf")
    motifs.add_vase(scene, x, foot, 0.5, generator)
    for _ in range(generator.integers(7, 13)):
        shift = generator.normal(0, (0.19, 0.14))
        size, color = (
            generator.uniform(0.035, 0.065),
            motifs.varied_color(scene, generator, 3, 4, 5, 6),
        )
        center = np.array([x, heart]) + shift
        for petal in np.arange(5) * 2 * np.pi / 5:
            at = center + size * np.array([np.cos(petal), np.sin(petal)])
            shade = brightened(color, generator.uniform(-0.1, 0.1))
            scene.add(outlines.ellipse(at, size * 0.75), shade, 0.15, "leaf")
        scene.add(outlines.ellipse(center, size * 0.5), scene.palette.dark, 0.1, "solid")


_SUBJECTS: dict[str, Callable[[Scene, np.random.Generator], None]] = {
    "landscape": _add_landscape,
    "sea": _add_sea,
    "still-life": _add_still_life,
    "portrait": _add_portrait,
    "town": _add_town,
    "flowers": _add_flowers,
}

SUBJECTS = tuple(_SUBJECTS)
