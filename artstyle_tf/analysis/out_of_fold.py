"""What a plain classifier says of images that it has not learned from, and which stand out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from artstyle_tf.heads.closed_form import fit_linear_probe
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.progress import SILENT, Reporter

Fit = Callable[..., tuple[np.ndarray, np.ndarray]]
"""Fits something linear: (features, labels, num_classes=, groups=) -> kernel [D, C], bias [C]."""

fit_logistic_regression = partial(fit_linear_probe, C=4.0, balanced=True)
"""The regression that serves as the baseline of every run."""


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

    By default it is the baseline of every run. Its classes are balanced, so that a small style is
    not doubted for being small.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C).
        folds: int [N], in [0, K); what hangs together is in one fold.
        num_classes: C.
        groups: of the features; see `heads.closed_form.feature_scales`.
        fit: what is fitted.
        reporter: where progress goes.

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
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities[np.ix_(left_out, known)] = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def most_typical(
    labels: np.ndarray, probabilities: np.ndarray, *, per_class: int
) -> list[np.ndarray]:
    """Images that are recognized most surely by what has not learned them.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], out of fold.
        per_class: images of each class at most.

    Returns:
        For each class that occurs, in order, positions int [<= per_class], the most typical first.
    """
    own = probabilities[np.arange(len(labels)), labels]
    return [_first_of(labels == label, -own, per_class) for label in np.unique(labels)]


def most_ambiguous(
    labels: np.ndarray, probabilities: np.ndarray, *, per_class: int
) -> list[np.ndarray]:
    """Images that are as probably of their own style as of another one.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], out of fold.
        per_class: images of each class at most.

    Returns:
        For each class that occurs, in order, positions int [<= per_class], the most ambiguous
        first: those with the smallest distance between the probabilities of the own style and of
        the most probable other one.
    """
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    others = np.array(probabilities, dtype=np.float64)
    others[rows, labels] = -np.inf
    distance = np.abs(own - others.max(axis=1))
    return [_first_of(labels == label, distance, per_class) for label in np.unique(labels)]


def _first_of(is_member: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    members = np.flatnonzero(is_member)
    return members[np.argsort(values[members], kind="stable")][:count]
