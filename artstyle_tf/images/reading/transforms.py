"""Import albumentations without network access and without OpenCV's threads.

A separate module, because the import takes a quarter of a second: `augmentation` imports it at
first use, and tuning preloads it for its trials.
"""

from __future__ import annotations

import os

# Without this variable the import checks the network for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import cv2

__all__ = ["albumentations"]

# Callers process many images at once; OpenCV's own threads would only compete for the cores.
cv2.setNumThreads(1)
