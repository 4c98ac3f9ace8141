"""Linear heads in closed form: logistic and ridge regression on features scaled by groups.

Centering and scaling are folded into kernel float32 [D, C] and bias float32 [C] of a dense layer
that returns logits, so the layer reads the features as they are. Features are float [N, D], labels
int [N] are class ids in [0, C), and every class occurs. `balanced` weighs each class as if all had
the same number of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from sklearn.linear_model import LogisticRegression

from artstyle_tf.metrics.calibration import fit_temperature
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.finite_numbers import check_finite

_MIN_SCALE = 1e-6
_MAX_ITERATIONS = 1000

# An image that alone determines its output cannot be left out.
_MAX_LEVERAGE = 1.0 - 1e-6


def feature_scales(features: np.ndarray, groups: Sequence[FeatureGroup] | None) -> np.ndarray:
    """Compute scales by which every group of features has a total variance of 1.

    Groups, such as the pooled top and the style of a block, should not dominate each other, and
    the same regularization should suit any number of features and groups. Where a group has one
    scale its proportions stay: a feature that varies little beside the others would become noise
    if it were blown up to their size.

    Args:
        features: float [N, D].
        groups: in order; their sizes add up to D. None for one group without a common scale.

    Raises:
        NotFiniteError: if a feature is not finite.

    Returns:
        float64 [D], positive; 1 for what does not vary, which stays at zero once it is centered.
    """
    groups = groups or [FeatureGroup(features.shape[1], has_one_scale=False)]
    if sum(group.size for group in groups) != features.shape[1]:
        raise ValueError(
            f"`groups` should add up to the {features.shape[1]} features. Received: {groups}"
        )
    check_finite(
        features,
        "the features that a head is fitted to",
        fix="check model.weights, which may be damaged or made for another input",
    )
    variances = features.var(axis=0, dtype=np.float64)
    ends = np.cumsum([group.size for group in groups])
    scales = [
        np.full(group.size, np.sqrt(part.sum()))
        if group.has_one_scale
        else np.sqrt(part * group.size)
        for group, part in zip(groups, np.split(variances, ends[:-1]), strict=True)
    ]
    joined = np.concatenate(scales)
    return np.where(joined < _MIN_SCALE, 1.0, joined)


def fit_linear_probe(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    C: float,  # noqa: N803 (scikit-learn's name)
    balanced: bool,
    groups: Sequence[FeatureGroup] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit multinomial logistic regression and return kernel and bias.

    Fine-tuning that starts from the probe leaves the features intact that a random head's gradients
    would distort. `C` is the inverse of the regularization strength, as in scikit-learn.

    Source: Kumar et al. 2022, arXiv:2202.10054 (linear probing, then fine-tuning).
    """
    features = np.asarray(features, dtype=np.float64)
    mean, scale = features.mean(axis=0), feature_scales(features, groups)
    regression = LogisticRegression(
        C=C,
        class_weight="balanced" if balanced else None,
        max_iter=_MAX_ITERATIONS,
    )
    regression.fit((features - mean) / scale, labels)
    coefficients, intercept = regression.coef_, regression.intercept_
    if num_classes == 2:
        # For two classes scikit-learn has one row: the difference of the two logits.
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        intercept = np.concatenate([-intercept / 2, intercept / 2])
    kernel = coefficients.T / scale[:, None]
    bias = intercept - mean @ kernel
    return kernel.astype(np.float32), bias.astype(np.float32)


def fit_ridge_probe(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    alpha: float,
    balanced: bool,
    groups: Sequence[FeatureGroup] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ridge regression to one-hot classes and return kernel and bias.

    For many more features than images, such as those of a style head, it is as good as logistic
    regression, and ready in a second. The outputs become logits by the temperature that suits the
    leave-one-out outputs of the images, which ridge regression gives without refitting. So no other
    images are needed, and a training that continues from here starts with calibrated confidences.
    `alpha` is added to the diagonal; larger is smoother.

    Source: Hoerl and Kennard 1970; leaving one out by the leverages: Allen 1974 (PRESS).
    """
    problem = pose_ridge(
        features, labels, num_classes=num_classes, balanced=balanced, groups=groups
    )
    kernel, leverages = _solve(problem.rows, problem.targets, alpha)
    # Leaving an image out moves the mean as well: its share in it is a leverage, too.
    shares = problem.weights / problem.weights.sum()
    leverages = np.minimum(leverages + shares, _MAX_LEVERAGE)[:, None]
    errors = (problem.targets - problem.rows @ kernel) / np.sqrt(problem.weights)[:, None]
    left_out = problem.one_hot - errors / (1.0 - leverages)
    temperature = fit_temperature(left_out, labels)
    kernel = kernel / problem.scale[:, None] / temperature
    bias = problem.mean_target / temperature - (problem.mean * problem.scale) @ kernel
    return kernel.astype(np.float32), bias.astype(np.float32)


@dataclass(frozen=True)
class RidgeProblem:
    """Centered, scaled and weighted: what remains is min |targets - rows K|^2 + alpha |K|^2.

    Attributes:
        rows: float64 [N, D].
        targets: float64 [N, C].
        one_hot: float64 [N, C], the classes.
        weights: float64 [N], of the images.
        scale: float64 [D], by which features are divided.
        mean: float64 [D], of the scaled features.
        mean_target: float64 [C].
    """

    rows: np.ndarray
    targets: np.ndarray
    one_hot: np.ndarray
    weights: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    mean_target: np.ndarray


def pose_ridge(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    balanced: bool,
    groups: Sequence[FeatureGroup] | None,
) -> RidgeProblem:
    """Return the problem that `fit_ridge_probe` solves, without its alpha."""
    scale = feature_scales(features, groups)
    scaled = np.asarray(features, np.float64) / scale
    weights = np.ones(len(labels))
    if balanced:
        counts = np.bincount(labels, minlength=num_classes)
        weights = len(labels) / (num_classes * counts[labels])
    one_hot = np.eye(num_classes)[labels]
    shares = weights / weights.sum()
    mean, mean_target = shares @ scaled, shares @ one_hot
    roots = np.sqrt(weights)[:, None]
    rows, targets = roots * (scaled - mean), roots * (one_hot - mean_target)
    return RidgeProblem(rows, targets, one_hot, weights, scale, mean, mean_target)


def _solve(rows: np.ndarray, targets: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients [D, C] and leverages [N], by the smaller system of equations."""
    num_images, num_features = rows.shape
    if num_features <= num_images:
        factor = linalg.cho_factor(rows.T @ rows + alpha * np.eye(num_features))
        coefficients = linalg.cho_solve(factor, rows.T @ targets)
        leverages = np.einsum("nd,dn->n", rows, linalg.cho_solve(factor, rows.T))
    else:
        similarities = rows @ rows.T
        factor = linalg.cho_factor(similarities + alpha * np.eye(num_images))
        coefficients = rows.T @ linalg.cho_solve(factor, targets)
        leverages = np.diag(linalg.cho_solve(factor, similarities))
    return coefficients, leverages
