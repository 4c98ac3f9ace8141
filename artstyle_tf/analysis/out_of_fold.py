"""Out-of-fold predictions, and images that stand out in them: typical, ambiguous, mislabeled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import softmax

from artstyle_tf.heads.closed_form import fit_linear_probe
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.progress import SILENT, Reporter

Fit = Callable[..., tuple[np.ndarray, np.ndarray]]
"""Fits a linear model: (features, labels, num_classes=, groups=) -> kernel [D, C], bias [C]."""

fit_logistic_regression = partial(fit_linear_probe, C=4.0, balanced=True)
"""The logistic regression that is the baseline of every run."""

_SMALLEST_THRESHOLD = 2e-6  # for a class that gets no probability at all
_TOLERANCE = 1e-6


def out_of_fold_probabilities(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    num_classes: int,
    groups: Sequence[FeatureGroup] | None = None,
    fit: Fit = fit_logistic_regression,
    reporter: Reporter = SILENT,
) -> np.ndarray:
    """Predict every image by a regression that is fitted to the other folds.

    By default it is the baseline of every run. Its classes are balanced, so that labels of a small
    style are not suspected for its size.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C).
        folds: int [N], in [0, K); images that belong together are in one fold.
        num_classes: C.
        groups: of the features; see `heads.closed_form.feature_scales`.
        fit: the model to fit.
        reporter: gets the progress.

    Returns:
        float32 [N, C], rows add up to 1. A class that is missing in the other folds gets 0.
    """
    probabilities = np.zeros((len(labels), num_classes), dtype=np.float32)
    numbers = np.unique(folds)
    for number in reporter.track(
        numbers, total=len(numbers), description="Predicting out of fold", unit="folds"
    ):
        left_out = folds == number
        known, positions = np.unique(labels[~left_out], return_inverse=True)
        if len(known) == 1:
            probabilities[np.ix_(left_out, known)] = 1.0
            continue
        kernel, bias = fit(features[~left_out], positions, num_classes=len(known), groups=groups)
        logits = features[left_out] @ kernel + bias
        probabilities[np.ix_(left_out, known)] = softmax(logits, axis=1)
    return probabilities


def most_typical(
    labels: np.ndarray, probabilities: np.ndarray, *, per_class: int
) -> list[np.ndarray]:
    """Return the images with the highest out-of-fold probability of their own class.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], out of fold.
        per_class: images of each class at most.

    Returns:
        For each class that occurs, in order, positions int [<= per_class], the most typical first.
    """
    own = probabilities[np.arange(len(labels)), labels]
    return _first_of_each_class(labels, -own, per_class)


def most_ambiguous(
    labels: np.ndarray, probabilities: np.ndarray, *, per_class: int
) -> list[np.ndarray]:
    """Return the images that are as probably of their own class as of another one.

    Arguments and result are as for `most_typical`; first those with the smallest distance between
    the probabilities of their own class and of the most probable other one.
    """
    rows = np.arange(len(labels))
    others = np.array(probabilities, dtype=np.float64)
    others[rows, labels] = -np.inf
    distance = np.abs(probabilities[rows, labels] - others.max(axis=1))
    return _first_of_each_class(labels, distance, per_class)


def _first_of_each_class(labels: np.ndarray, values: np.ndarray, count: int) -> list[np.ndarray]:
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen.append(members[np.argsort(values[members], kind="stable")][:count])
    return chosen


@dataclass(frozen=True)
class LabelErrors:
    """Suspected label errors among N images.

    Attributes:
        is_suspected: bool [N].
        suggested: int [N], the most probable class.
        quality: float64 [N], probability of the given label; the smaller, the more suspect.
        thresholds: float64 [C], probability from which on an image counts as one of the class; NaN
            for a class without images.
    """

    is_suspected: np.ndarray
    suggested: np.ndarray
    quality: np.ndarray
    thresholds: np.ndarray

    @property
    def ranking(self) -> np.ndarray:
        """Positions int [M] of the suspected label errors, the most suspect first."""
        suspected = np.flatnonzero(self.is_suspected)
        return suspected[np.argsort(self.quality[suspected], kind="stable")]


def find_label_errors(labels: np.ndarray, probabilities: np.ndarray) -> LabelErrors:
    """Find suspected label errors by confident learning.

    An image counts as one of a class if its probability is at least the mean probability of
    images with that label. So a class about which the classifier is never confident has a low
    threshold, and one that it predicts too readily a high one. A label is suspected if the image
    counts as one of another class only, or of several of which another one is the most probable.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], of a classifier that was not trained on the images.

    Returns:
        Suspected errors; they are a reason to look at an image, no proof.

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
    is_confident = probabilities >= np.where(counts > 0, thresholds, np.inf) - _TOLERANCE
    suggested = probabilities.argmax(axis=1)
    num_confident = is_confident.sum(axis=1)
    confident_class = np.where(num_confident > 1, suggested, is_confident.argmax(axis=1))
    # If the own class is the most probable, the label is not suspected.
    is_suspected = (num_confident > 0) & (confident_class != labels) & (suggested != labels)
    return LabelErrors(is_suspected, suggested, own, thresholds)
