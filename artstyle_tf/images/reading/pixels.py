"""A loaded image -> its pixels in sRGB, upright, and reduced where it is too large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from artstyle_tf.images.reading.color_conversion import needed_profile, strips_in_srgb

# As Pillow's `reducing_gap`: whole boxes are averaged first, down to three times the target size.
_GAP = 3.0

# By EXIF orientation: the upright array indexed in the order of the stored one.
_AS_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def reduced_size(width: int, height: int, max_side_px: int | None) -> tuple[int, int] | None:
    """Return the width and height within the limit, same proportions; None if it holds already."""
    longest = max(height, width)
    if max_side_px is None or longest <= max_side_px:
        return None
    return max(1, round(width * max_side_px / longest)), max(
        1, round(height * max_side_px / longest)
    )


def reduce_image(pixels: np.ndarray, max_side_px: int | None) -> np.ndarray:
    """Reduce uint8 [H, W, 3] to the limit for both sides; returns the same array if not needed."""
    height, width = pixels.shape[:2]
    target = reduced_size(width, height, max_side_px)
    if target is None:
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(target, Image.Resampling.LANCZOS, reducing_gap=_GAP))


def pixels_of(image: Image.Image, orientation: int, max_side_px: int | None) -> np.ndarray:
    """Convert a loaded image to uint8 [H, W, 3] with little more memory than the image itself.

    `orientation` is the EXIF number; others than 2 to 8 are upright. No side exceeds `max_side_px`.
    """
    target = reduced_size(*image.size, max_side_px)
    if target is None:
        return _upright(image, orientation)
    if orientation in _AS_STORED:
        # The averaged boxes begin at the corner that is shown at the upper left.
        return reduce_image(_upright(image, orientation), max_side_px)
    return _reduce_strips(image, target)


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
    """Convert and turn an image without a second copy of the whole."""
    as_stored = _AS_STORED.get(orientation, lambda upright: upright)
    width, height = image.size if orientation not in (5, 6, 7, 8) else image.size[::-1]
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    stored = as_stored(pixels)
    for top, strip in strips_in_srgb(image, needed_profile(image)):
        stored[top : top + strip.height] = np.asarray(strip)
    return pixels


def _reduce_strips(image: Image.Image, target: tuple[int, int]) -> np.ndarray:
    """Compute the result of `reduce_image` strip by strip: uint8 [H', W', 3]."""
    width, height = image.size
    columns, rows = (
        int(side / new / _GAP) or 1 for side, new in zip(image.size, target, strict=True)
    )
    averaged = Image.new("RGB", (-(-width // columns), -(-height // rows)))
    for top, strip in strips_in_srgb(image, needed_profile(image), rows_multiple_of=rows):
        part = strip if columns == rows == 1 else strip.reduce((columns, rows))
        averaged.paste(part, (0, top // rows))
    box = (0.0, 0.0, width / columns, height / rows)
    return np.array(averaged.resize(target, Image.Resampling.LANCZOS, box))
