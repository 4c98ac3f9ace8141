"""Small squares of images, for sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from artstyle_tf.images.reading.image_reading import UnreadableImageError, read_image

_PAPER = 243  # light gray, so that a white margin can be seen


def read_thumbnail(file: Path, *, side_px: int = 160) -> np.ndarray | None:
    """A whole image in a square, on light gray.

    Args:
        file: the image.
        side_px: S.

    Returns:
        uint8 [S, S, 3]; None if it cannot be read.
    """
    image = _opened(file)
    if image is None:
        return None
    scale = side_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (side_px, side_px), (_PAPER,) * 3)
    left, top = (side_px - width) // 2, (side_px - height) // 2
    square.paste(
        image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2), (left, top)
    )
    return np.asarray(square)


def read_squashed(file: Path, *, side_px: int) -> np.ndarray | None:
    """An image squashed into a square, as a network sees it by default.

    Args:
        file: the image.
        side_px: S.

    Returns:
        uint8 [S, S, 3]; None if it cannot be read.
    """
    image = _opened(file)
    if image is None:
        return None
    return np.array(image.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=3))


def _opened(file: Path) -> Image.Image | None:
    try:
        return Image.fromarray(read_image(file))
    except UnreadableImageError:
        return None
