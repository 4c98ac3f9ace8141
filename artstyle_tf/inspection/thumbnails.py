"""Small squares of pictures, for sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from artstyle_tf.images.reading.image_reading import UnreadablePictureError, read_picture

_PAPER = 243  # light grey, so that a white margin can be seen


def read_thumbnail(file: Path, *, side_px: int = 160) -> np.ndarray | None:
    """A whole picture in a square, on light grey.

    Args:
        file: the picture.
        side_px: S.

    Returns:
        uint8 [S, S, 3]; None if it cannot be read.
    """
    picture = _opened(file)
    if picture is None:
        return None
    scale = side_px / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    square = Image.new("RGB", (side_px, side_px), (_PAPER,) * 3)
    left, top = (side_px - width) // 2, (side_px - height) // 2
    square.paste(
        picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2), (left, top)
    )
    return np.asarray(square)


def read_squashed(file: Path, *, side_px: int) -> np.ndarray | None:
    """A picture squashed into a square, as a network sees it by default.

    Args:
        file: the picture.
        side_px: S.

    Returns:
        uint8 [S, S, 3]; None if it cannot be read.
    """
    picture = _opened(file)
    if picture is None:
        return None
    return np.array(picture.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=3))


def _opened(file: Path) -> Image.Image | None:
    try:
        return Image.fromarray(read_picture(file))
    except UnreadablePictureError:
        return None
