"""Confident learning: images whose label a classifier that has not learned them disbelieves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SMALLEST_THRESHOLD = 2e-6  # for a class of which nothing at all is believed
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class LabelDoubts:
    """What speaks against the labels of N images.

    Attributes:
        is_doubted: bool [N].
        suggested: int [N], the class that is most probable.
        quality: float64 [N], probability of the given label; the smaller, the more doubtful.
        thresholds: float64 [C], probability from which on a class is believed; NaN for a class
            without images.
    """

    is_doubted: np.ndarray
    suggested: np.ndarray
    quality: np.ndarray
    thresholds: np.ndarray

    @property
    def ranking(self) -> np.ndarray:
        """Positions int [M] of the doubted images, the most doubtful first."""
        doubted = np.flatnonzero(self.is_doubted)
        return doubted[np.argsort(self.quality[doubted], kind="stable")]


def find_label_doubts(labels: np.ndarray, probabilities: np.ndarray) -> LabelDoubts:
    """Compares labels with out-of-fold probabilities.

    A class is believed of an image if its probability is at least what images of that class get
    on average. So a class about which the classifier is never sure has a low threshold, and one
    that it names too readily a high one. Doubted is an image of which another class than its own
    is believed, or several of which another one is the most probable.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], of a classifier that has not learned the images.

    Returns:
        The doubts; they are a reason to look at an image, no proof.

    Source: Northcutt et al. 2021, doi:10.1613/jair.1.12125 (confident learning), the off-diagonal
    entries of the confident joint; as cleanlab's filter "confident_learning".
    """
    labels = np.asarray(labels)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=probabilities.shape[1])
    thresholds = np.full(len(counts), np.nan)
    thresholds[counts > 0] = np.maximum(sums[counts > 0] / counts[counts > 0], _SMALLEST_THRESHOLD)
    is_believed = probabilities >= np.where(counts > 0, thresholds, np.inf) - _TOLERANCE
    suggested = probabilities.argmax(axis=1)
    num_believed = is_believed.sum(axis=1)
    believed = np.where(num_believed > 1, suggested, is_believed.argmax(axis=1))
    # If the own class is the most probable, nothing speaks against it.
    is_doubted = (num_believed > 0) & (believed != labels) & (suggested != labels)
    return LabelDoubts(is_doubted, suggested, own, thresholds)
