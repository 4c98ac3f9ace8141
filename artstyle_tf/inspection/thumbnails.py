"""Small squares of images, for figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from artstyle_tf.images.reading.image_reading import UnreadableImageError, read_image

_BACKGROUND = 243  # light gray, so that a white margin is visible


def read_thumbnail(file: Path, *, side_px: int = 160) -> np.ndarray | None:
    """Read a whole image into a square on light gray: uint8 [S, S, 3]; None if unreadable."""
    image = _opened(file)
    if image is None:
        return None
    scale = side_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (side_px, side_px), (_BACKGROUND,) * 3)
    resized = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2)
    square.paste(resized, ((side_px - width) // 2, (side_px - height) // 2))
    return np.asarray(square)


def read_squashed(file: Path, *, side_px: int) -> np.ndarray | None:
    """Read an image squashed into a square, as a network sees it by default: uint8 [S, S, 3].

    Returns None if it cannot be read.
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
