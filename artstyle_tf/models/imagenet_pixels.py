"""Mean and spread of the pixels of ImageNet, which many networks expect as 0 and 1."""

from __future__ import annotations

import numpy as np

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
"""Of red, green and blue in 0..1."""

IMAGENET_STD = np.array([0.229, 0.224, 0.225])
