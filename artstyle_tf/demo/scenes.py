"""Represent the content of an image as flat shapes, independent of the style."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from artstyle_tf.demo.canvas import Canvas
from artstyle_tf.demo.palettes import Palette, blend


@dataclass(frozen=True)
class Shape:
    """A flat shape of a scene.

    Attributes:
        outline: float32 [N, 2], canvas coordinates.
        color: float32 [3], RGB in 0..1.
        depth: 1 at the horizon, 0 in front.
        kind: "light", "land", "water", "leaf" or "solid".
    """

    outline: np.ndarray
    color: np.ndarray
    depth: float
    kind: str


@dataclass
class Scene:
    """A subject as flat shapes, from back to front.

    Attributes:
        width, height: of the canvas, in its units.
        palette: the image's colors.
        sky_top, sky_bottom: float32 [3], ends of the background's gradient.
        horizon: y of the horizon, or of the edge of a table.
        shapes: the shapes, the farthest first.
    """

    width: float
    height: float
    palette: Palette
    sky_top: np.ndarray
    sky_bottom: np.ndarray
    horizon: float
    shapes: list[Shape] = field(default_factory=list)

    def add(self, outline: np.ndarray, color: np.ndarray, depth: float, kind: str) -> None:
        """Add a shape in front of the others."""
        self.shapes.append(Shape(outline, np.asarray(color, np.float32), depth, kind))

    def sky(self, canvas: Canvas) -> np.ndarray:
        """Return the background's gradient, down to the horizon: float32 [kH, kW, 3]."""
        x, y = canvas.grid()
        share = np.clip(y / max(self.horizon, 0.2), 0, 1)[:, :, None] + 0 * x[:, :, None]
        return blend(self.sky_top, self.sky_bottom, share)

    def draw_flat(self, canvas: Canvas) -> None:
        """Draw the scene without any style: a gradient and flat shapes."""
        canvas.pixels[:] = self.sky(canvas)
        for shape in self.shapes:
            canvas.fill(shape.outline, shape.color)
