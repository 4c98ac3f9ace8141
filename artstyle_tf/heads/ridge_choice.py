"""Choose the alpha of ridge regression on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from artstyle_tf.heads.closed_form import RidgeProblem, pose_ridge
from artstyle_tf.images.splits.folds import assign_folds
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.models.features import FeatureGroup

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""What is tried. Features are scaled so that the same values suit any number of them."""


@dataclass(frozen=True)
class RidgeChoice:
    """The best of `ALPHAS`.

    Attributes:
        alpha: with the highest score; the larger of equals.
        scores: each alpha -> macro-F1 of the images, each predicted when its fold is held out.
    """

    alpha: float
    scores: dict[float, float]


def choose_ridge(
    features: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_classes: int,
    balanced: bool,
    groups: Sequence[FeatureGroup] | None = None,
    num_folds: int = 5,
    seed: int = 42,
) -> RidgeChoice:
    """Compare all values of alpha on the same folds of the training images.

    Each fold is one eigendecomposition, of the smaller of the two systems of equations; every alpha
    then costs a matrix product.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C); every class occurs.
        clusters: int [N], equal for images that must not be in two folds.
        seed: of the folds.

    Source: Rifkin and Lippert 2007, Notes on regularized least squares (all alphas at once).
    """
    folds = assign_folds(labels, clusters, num_folds=num_folds, seed=seed)
    predictions = {alpha: np.zeros(len(labels), dtype=int) for alpha in ALPHAS}
    for number in range(num_folds):
        held_out = folds == number
        if held_out.all() or not held_out.any():
            continue  # fewer clusters than folds
        problem = pose_ridge(
            features[~held_out],
            labels[~held_out],
            num_classes=num_classes,
            balanced=balanced,
            groups=groups,
        )
        for alpha, outputs in _outputs(problem, features[held_out]).items():
            predictions[alpha][held_out] = outputs.argmax(axis=1)
    scores = {
        alpha: classification_summary(labels, predicted, num_classes=num_classes)["macro_f1"]
        for alpha, predicted in predictions.items()
    }
    return RidgeChoice(max(ALPHAS, key=lambda alpha: (scores[alpha], alpha)), scores)


def _outputs(problem: RidgeProblem, features: np.ndarray) -> dict[float, np.ndarray]:
    """Predict other images with every alpha: alpha -> float64 [n, C]."""
    others = np.asarray(features, np.float64) / problem.scale - problem.mean
    rows, targets = problem.rows, problem.targets
    num_images, num_features = rows.shape
    if num_features <= num_images:
        values, directions = linalg.eigh(rows.T @ rows)
        rotated, coefficients = others @ directions, directions.T @ (rows.T @ targets)
    else:
        values, directions = linalg.eigh(rows @ rows.T)
        rotated, coefficients = (others @ rows.T) @ directions, directions.T @ targets
    return {
        alpha: rotated @ (coefficients / (values + alpha)[:, None]) + problem.mean_target
        for alpha in ALPHAS
    }
