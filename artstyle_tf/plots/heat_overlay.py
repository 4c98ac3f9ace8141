"""An image with a heat map on it."""

from __future__ import annotations

import matplotlib
import numpy as np

# Readable for color-blind eyes, and dark where there is nothing.
_COLORS = "inferno"
_MOST_COVERED = 0.6


def overlay_heat(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Overlay a heat map on an image; where there is no heat the image is gray.

    Args:
        image: uint8 [H, W, 3].
        heat: float [H, W] in 0..1.

    Returns:
        uint8 [H, W, 3].
    """
    gray = image.astype(np.float32).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    colors = matplotlib.colormaps[_COLORS](heat)[..., :3] * 255.0
    share = heat[..., None]
    shown = gray * (1 - _MOST_COVERED * share) + colors * (_MOST_COVERED * share)
    return np.clip(np.round(shown), 0, 255).astype(np.uint8)
