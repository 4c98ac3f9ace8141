"""albumentations, imported the way this program wants it.

In a module of its own, because the import takes a quarter of a second: `augmentation` comes here
when it has something to change, and trials find it preloaded.
"""

from __future__ import annotations

import os

# Without this variable the import asks the network for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import cv2

__all__ = ["albumentations"]

# Callers work on many images at once; OpenCV's own threads would only fight over the cores.
cv2.setNumThreads(1)
