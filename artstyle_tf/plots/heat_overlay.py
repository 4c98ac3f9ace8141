"""A picture with a heat map on it."""

from __future__ import annotations

import matplotlib
import numpy as np

# Readable for colour-blind eyes, and dark where there is nothing.
_COLOURS = "inferno"
_MOST_COVERED = 0.6


def overlay_heat(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Puts a heat map on a picture; where there is no heat the picture is grey.

    Args:
        picture: uint8 [H, W, 3].
        heat: float [H, W] in 0..1.

    Returns:
        uint8 [H, W, 3].
    """
    grey = picture.astype(np.float32).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    colours = matplotlib.colormaps[_COLOURS](heat)[..., :3] * 255.0
    share = heat[..., None]
    shown = grey * (1 - _MOST_COVERED * share) + colours * (_MOST_COVERED * share)
    return np.clip(np.round(shown), 0, 255).astype(np.uint8)
