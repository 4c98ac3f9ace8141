"""Large images -> smaller ones, without a whole large one in memory where that can be avoided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

# As Pillow's `reducing_gap`: first whole boxes are averaged, down to three times the wanted size.
_GAP = 3.0


def reduced_size(width: int, height: int, max_side_px: int | None) -> tuple[int, int] | None:
    """Width and height of the same proportions that keep the limit; None if they do already."""
    longest = max(height, width)
    if max_side_px is None or longest <= max_side_px:
        return None
    return max(1, round(width * max_side_px / longest)), max(
        1, round(height * max_side_px / longest)
    )


def box_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows whose pixels are averaged before the image is resized."""
    columns, rows = (
        int(side / wanted / _GAP) or 1 for side, wanted in zip(size, target, strict=True)
    )
    return columns, rows


def reduce_image(pixels: np.ndarray, max_side_px: int | None) -> np.ndarray:
    """Makes an image smaller if it is too large.

    Args:
        pixels: uint8 [H, W, 3].
        max_side_px: limit for H and W, or None.

    Returns:
        uint8 [H', W', 3] of the same proportions; the same array if nothing had to be done.
    """
    height, width = pixels.shape[:2]
    target = reduced_size(width, height, max_side_px)
    if target is None:
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(target, Image.Resampling.LANCZOS, reducing_gap=_GAP))


def reduce_strips(
    strips: Iterator[tuple[int, Image.Image]], size: tuple[int, int], target: tuple[int, int]
) -> np.ndarray:
    """What `reduce_image` makes of an image that comes strip by strip.

    Args:
        strips: first row and RGB image, from top to bottom; all but the last one have a multiple
            of the rows of `box_size`.
        size: width and height.
        target: width and height of the result.

    Returns:
        uint8 [H', W', 3].
    """
    width, height = size
    columns, rows = box_size(size, target)
    averaged = Image.new("RGB", (-(-width // columns), -(-height // rows)))
    for top, strip in strips:
        part = strip if columns == rows == 1 else strip.reduce((columns, rows))
        averaged.paste(part, (0, top // rows))
    box = (0.0, 0.0, width / columns, height / rows)
    return np.array(averaged.resize(target, Image.Resampling.LANCZOS, box))
