"""Ridge regression onto the classes, in closed form, folded into a dense head.

For many more features than images, such as those of a style head, it is as good as logistic
regression, and ready in a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from artstyle_tf.heads.feature_scales import feature_scales
from artstyle_tf.metrics.calibration import fit_temperature
from artstyle_tf.models.features import FeatureGroup

# An image that alone decides about its output cannot be left out.
_LARGEST_LEVERAGE = 1.0 - 1e-6


def fit_ridge_probe(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    alpha: float,
    balanced: bool,
    groups: Sequence[FeatureGroup] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fits ridge regression on centered features, scaled group by group, to one-hot classes.

    The outputs become logits by the temperature that suits the outputs of each image when it is
    left out, which ridge regression gives without fitting anew. So no other images are needed,
    and a training that goes on from here starts with confidences that can be believed.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C); every class occurs.
        num_classes: C.
        alpha: what is added to the diagonal; larger is smoother.
        balanced: weigh each class as if all had the same number of images.
        groups: of the features; see `feature_scales`.

    Returns:
        kernel float32 [D, C] and bias float32 [C] of a dense layer that returns logits.

    Source: Hoerl and Kennard 1970; leaving one out by the leverages: Allen 1974 (PRESS).
    """
    posed = pose_ridge(features, labels, num_classes=num_classes, balanced=balanced, groups=groups)
    kernel, leverages = _solve(posed.rows, posed.wanted, alpha)
    # Leaving an image out moves the mean as well: its share in it is a leverage, too.
    spared = np.minimum(leverages + posed.shares, _LARGEST_LEVERAGE)[:, None]
    errors = (posed.wanted - posed.rows @ kernel) / np.sqrt(posed.weights)[:, None]
    left_out = posed.targets - errors / (1.0 - spared)
    temperature = fit_temperature(left_out, labels)
    kernel = kernel / posed.scale[:, None] / temperature
    bias = posed.mean_target / temperature - (posed.mean * posed.scale) @ kernel
    return kernel.astype(np.float32), bias.astype(np.float32)


@dataclass(frozen=True)
class PosedRidge:
    """Centered, scaled and weighted: what is left is min |wanted - rows K|^2 + alpha |K|^2.

    Attributes:
        rows: float64 [N, D].
        wanted: float64 [N, C].
        targets: float64 [N, C], the classes one-hot.
        weights: float64 [N], of the images.
        scale: float64 [D], by which features are divided.
        mean: float64 [D], of the scaled features.
        mean_target: float64 [C].
    """

    rows: np.ndarray
    wanted: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    mean_target: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Share of each image in the means: float64 [N]."""
        return self.weights / self.weights.sum()


def pose_ridge(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    balanced: bool,
    groups: Sequence[FeatureGroup] | None,
) -> PosedRidge:
    """The problem that `fit_ridge_probe` solves, without its alpha. Arguments as there."""
    scale = feature_scales(features, groups)
    scaled = np.asarray(features, np.float64) / scale
    weights = _class_weights(labels, num_classes) if balanced else np.ones(len(labels))
    targets = np.eye(num_classes)[labels]
    shares = weights / weights.sum()
    mean, mean_target = shares @ scaled, shares @ targets
    roots = np.sqrt(weights)[:, None]
    return PosedRidge(
        rows=roots * (scaled - mean),
        wanted=roots * (targets - mean_target),
        targets=targets,
        weights=weights,
        scale=scale,
        mean=mean,
        mean_target=mean_target,
    )


def _solve(rows: np.ndarray, wanted: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients [D, C] and leverages [N], by the smaller of the two systems of equations."""
    num_images, num_features = rows.shape
    if num_features <= num_images:
        factor = linalg.cho_factor(rows.T @ rows + alpha * np.eye(num_features))
        coefficients = linalg.cho_solve(factor, rows.T @ wanted)
        leverages = np.einsum("nd,dn->n", rows, linalg.cho_solve(factor, rows.T))
    else:
        similarities = rows @ rows.T
        factor = linalg.cho_factor(similarities + alpha * np.eye(num_images))
        coefficients = rows.T @ linalg.cho_solve(factor, wanted)
        leverages = np.diag(linalg.cho_solve(factor, similarities))
    return coefficients, leverages


def _class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    counts = np.bincount(labels, minlength=num_classes)
    return len(labels) / (num_classes * counts[labels])
