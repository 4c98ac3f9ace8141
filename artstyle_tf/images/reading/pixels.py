"""An image that is loaded -> its pixels in sRGB, upright, and reduced where they are too many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from artstyle_tf.images.reading.color_conversion import needed_profile, strips_in_srgb
from artstyle_tf.images.reading.reduction import (
    box_size,
    reduce_image,
    reduce_strips,
    reduced_size,
)

# By EXIF orientation: views of an upright image in the order of the stored one.
_AS_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def pixels_of(image: Image.Image, orientation: int, max_side_px: int | None) -> np.ndarray:
    """Takes little more memory than the image itself.

    Args:
        image: loaded.
        orientation: as EXIF numbers them; others than 2 to 8 are upright.
        max_side_px: limit for both sides, or None.

    Returns:
        uint8 [H, W, 3].
    """
    target = reduced_size(*image.size, max_side_px)
    if target is None:
        return _upright(image, orientation)
    if orientation in _AS_STORED:
        # The boxes that are averaged begin at the corner that is seen at the upper left.
        return reduce_image(_upright(image, orientation), max_side_px)
    _, rows = box_size(image.size, target)
    strips = strips_in_srgb(image, needed_profile(image), rows_multiple_of=rows)
    return reduce_strips(strips, image.size, target)


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
    """Converted and turned without a second copy of the whole."""
    as_stored = _AS_STORED.get(orientation, lambda upright: upright)
    width, height = image.size if orientation not in (5, 6, 7, 8) else image.size[::-1]
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    stored = as_stored(pixels)
    for top, strip in strips_in_srgb(image, needed_profile(image)):
        stored[top : top + strip.height] = np.asarray(strip)
    return pixels
