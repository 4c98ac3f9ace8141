"""Draw antialiased shapes, generate smooth noise, and distort images photometrically."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

_SUBPIXEL_BITS = 4  # OpenCV takes outlines as integers in 1/16 pixel


Window = tuple[slice, slice]
"""Rows and columns of a rectangle of pixels."""

Texture = Callable[[Window], np.ndarray]
"""Function that returns the colors of a rectangle: float [rows, columns, 3]."""


class Canvas:
    """An RGB image on which outlines are filled and lines are drawn.

    Coordinates are (x, y) in units of the shorter side, measured from the upper left corner. So
    circles stay round and line widths are independent of the aspect ratio. Drawing happens at a
    multiple of the final size, which antialiases edges and allows lines of half a pixel.

    Args:
        height_px: height of the finished image.
        width_px: width of the finished image.
        color: float [3], RGB in 0..1, the background.
        oversampling: the multiple, k. 1 is much faster and suffices without fine lines.

    Attributes:
        pixels: float32 [k * height_px, k * width_px, 3], RGB in 0..1; called [kH, kW, 3] below.
        width, height: size in units of the shorter side.
    """

    def __init__(
        self, height_px: int, width_px: int, color: np.ndarray, *, oversampling: int = 2
    ) -> None:
        self._size_px = (height_px, width_px)
        self.pixels = np.empty((oversampling * height_px, oversampling * width_px, 3), np.float32)
        self.pixels[:] = color
        self.scale = oversampling * min(height_px, width_px)
        self.width = width_px / min(height_px, width_px)
        self.height = height_px / min(height_px, width_px)

    def fill(
        self,
        outline: np.ndarray,
        color: np.ndarray | Texture,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        stencil: np.ndarray | None = None,
    ) -> None:
        """Fill an outline.

        Args:
            outline: float [N, 2], (x, y) of the corners.
            color: float [3]; or a texture of the size of the canvas, float [kH, kW, 3]; or a
                function that returns a rectangle of such a texture.
            opacity: in [0, 1].
            soft: width of the blurred edge; 0 is sharp.
            stencil: float32 [kH, kW] in 0..1, an additional opacity per pixel; None for 1.
        """
        window, mask = self._mask_around(outline, soft=soft)
        if window is None:
            return
        visible = mask if stencil is None else mask * stencil[window]
        shown = color(window) if callable(color) else _crop(color, window)
        self._blend_into(window, visible, shown, opacity)

    def line(
        self,
        points: np.ndarray,
        color: np.ndarray,
        *,
        width: float,
        opacity: float = 1.0,
        closed: bool = False,
        soft: float = 0.0,
    ) -> None:
        """Draw a line with round ends through points, float [N, 2].

        Args:
            points: float [N, 2], (x, y).
            color: float [3], RGB in 0..1.
            width: of the line, in canvas units; at least 1 pixel is drawn.
            opacity: as in `fill`.
            closed: whether to connect the last point to the first.
            soft: as in `fill`.
        """
        window, mask = self._mask_around(points, soft=soft, line_width=width, closed=closed)
        if window is not None:
            self._blend_into(window, mask, _crop(color, window), opacity)

    def shade(self, outline: np.ndarray, *, angle: float, depth: float, soft: float = 0.0) -> None:
        """Apply a linear brightness gradient to the inside of an outline.

        Args:
            outline: float [N, 2].
            angle: direction of the brighter end in radians.
            depth: relative change of brightness at both ends, in [0, 1).
            soft: as in `fill`.
        """
        window, mask = self._mask_around(outline, soft=soft)
        if window is None:
            return
        direction = np.array([np.cos(angle), np.sin(angle)])
        reach = np.asarray(outline) @ direction
        rows, columns = window
        x, y = self.grid()
        along = x[:, columns] * direction[0] + y[rows] * direction[1]
        share = np.clip((along - reach.min()) / max(float(np.ptp(reach)), 1e-3), 0, 1)
        self.pixels[window] *= (1 + depth * (2 * share - 1) * mask)[:, :, None].astype(np.float32)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the coordinates of the pixels: x float32 [1, kW] and y float32 [kH, 1]."""
        rows, columns = self.pixels.shape[:2]
        x = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / self.scale
        y = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / self.scale
        return x, y

    def mask(self, outline: np.ndarray) -> np.ndarray:
        """Return the fraction of each pixel inside an outline: float32 [kH, kW] in 0..1."""
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._to_subpixels(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / 255

    def blur(self, radius: float) -> None:
        """Blur everything drawn so far with a Gaussian of this standard deviation."""
        self.pixels = blurred(self.pixels, radius * self.scale)

    def finish(self) -> np.ndarray:
        """Return the image at its final size: float32 [H, W, 3] in 0..1."""
        height_px, width_px = self._size_px
        small = cv2.resize(self.pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)
        return np.clip(small, 0, 1)

    def _blend_into(
        self, window: Window, mask: np.ndarray, color: np.ndarray, opacity: float
    ) -> None:
        """Blend a color, or a texture of the same size, into a rectangle, weighted by the mask."""
        region = self.pixels[window]
        share = (mask * np.float32(opacity))[:, :, None]
        region += (np.asarray(color, np.float32) - region) * share

    def _mask_around(
        self,
        points: np.ndarray,
        *,
        soft: float = 0.0,
        line_width: float | None = None,
        closed: bool = False,
    ) -> tuple[Window | None, np.ndarray]:
        """Return the rectangle around a shape and the covered fraction of each of its pixels.

        Returns:
            ((rows, columns), float32 [rows, columns] in 0..1); the first is None if the shape is
            outside the canvas.
        """
        margin = 2 + int(((line_width or 0) / 2 + 3 * soft) * self.scale)
        height_px, width_px = self.pixels.shape[:2]
        corners = np.asarray(points, np.float64) * self.scale
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
        right, bottom = np.minimum(
            np.ceil(corners.max(axis=0)).astype(int) + margin + 1, (width_px, height_px)
        )
        if left >= right or top >= bottom:
            return None, np.zeros((0, 0), np.float32)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        shifted = self._to_subpixels(points, origin_px=(left, top))
        if line_width is None:
            cv2.fillPoly(mask, [shifted], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        else:
            thickness_px = max(1, round(line_width * self.scale))
            cv2.polylines(mask, [shifted], closed, 255, thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)
        if soft > 0:
            mask = blurred(mask, soft * self.scale)
        window = (slice(top, bottom), slice(left, right))
        return window, mask.astype(np.float32) / 255

    def _to_subpixels(self, points: np.ndarray, *, origin_px: Sequence[int] = (0, 0)) -> np.ndarray:
        corners = np.asarray(points, np.float64) * self.scale - np.asarray(origin_px)
        return np.round(corners * 2**_SUBPIXEL_BITS).astype(np.int32)


def _crop(color: np.ndarray, window: Window) -> np.ndarray:
    """Crop a texture [kH, kW, 3] to the window; return a color [3] as it is."""
    return color[window] if np.ndim(color) == 3 else color


def blurred(pixels: np.ndarray, radius_px: float) -> np.ndarray:
    """Apply a Gaussian blur with the given standard deviation: same shape and dtype."""
    return cv2.GaussianBlur(pixels, (0, 0), max(radius_px, 0.1))


def smooth_noise(
    shape: tuple[int, int],
    generator: np.random.Generator,
    *,
    cells: float | tuple[float, float],
    octaves: int = 1,
    persistence: float = 0.5,
) -> np.ndarray:
    """Sum smooth random fields, each with twice the frequency of the one before.

    Args:
        shape: (height_px, width_px).
        generator: source of randomness.
        cells: grid cells along the shorter side in the first field, or (vertical, horizontal).
        octaves: number of fields.
        persistence: amplitude of a field relative to the one before.

    Returns:
        float32 [H, W], mean about 0, standard deviation 1.
    """
    height_px, width_px = shape
    down, across = cells if isinstance(cells, tuple) else (cells, cells)
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        finer = 2**octave / min(shape)
        rows = min(height_px, max(2, round(down * finer * height_px)))
        columns = min(width_px, max(2, round(across * finer * width_px)))
        grid = generator.standard_normal((rows, columns), dtype=np.float32)
        field = cv2.resize(grid, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
        total += persistence**octave * field
    return (total - total.mean()) / (total.std() + 1e-6)


def photometric_distortion(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Vary saturation, contrast, gamma, white balance, stains, illumination and noise at random.

    All styles share the distribution. Without this step the number of colors and the fraction of
    black would separate flat styles from painterly ones, whatever their texture.

    Args:
        pixels: float32 [H, W, 3] in 0..1.
        generator: source of randomness.

    Returns:
        uint8 [H, W, 3].
    """
    height_px, width_px = pixels.shape[:2]
    gray = pixels.mean(axis=2, keepdims=True)
    pixels = gray + (pixels - gray) * generator.uniform(0.6, 1.2)
    black, white = generator.uniform(0.0, 0.13), generator.uniform(0.88, 1.0)
    pixels = black + np.clip(pixels, 0, 1) ** generator.uniform(0.75, 1.3) * (white - black)
    pixels *= 1 + generator.normal(0, 0.03, 3).astype(np.float32)
    stains = [smooth_noise((height_px, width_px), generator, cells=2.5) for _ in range(4)]
    pixels += generator.uniform(0.0, 0.025) * np.stack(stains[:3], axis=2)
    pixels += generator.uniform(0.0, 0.03) * stains[3][:, :, None]
    angle, strength = generator.uniform(0, 2 * np.pi), generator.uniform(0.0, 0.25)
    across = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None]
    light = 1 + strength * (np.cos(angle) * across + np.sin(angle) * down)
    pixels = pixels * light[:, :, None]
    pixels += generator.normal(0, generator.uniform(0, 0.012), pixels.shape)
    return np.clip(np.round(pixels * 255), 0, 255).astype(np.uint8)
