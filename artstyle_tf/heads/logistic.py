"""Logistic regression on frozen features, folded into a dense head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from artstyle_tf.heads.feature_scales import feature_scales
from artstyle_tf.models.features import FeatureGroup

_MAX_ITERATIONS = 1000


def fit_linear_probe(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    C: float,  # noqa: N803 (scikit-learn's name)
    balanced: bool,
    groups: Sequence[FeatureGroup] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fits multinomial logistic regression on centered features, scaled group by group.

    Starting fine-tuning from the probe instead of a random head leaves the features intact that
    a random head's gradients would distort. Centering and scaling are folded into the weights, so
    that the head takes the features as they are.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, K); every class occurs.
        num_classes: K.
        C: inverse of the regularization strength, as in scikit-learn; smaller is smoother.
        balanced: weigh each class as if all had the same number of images.
        groups: of the features; see `feature_scales`.

    Returns:
        kernel float32 [D, K] and bias float32 [K] of a dense layer that returns logits.

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
    coefficients, intercept = _one_row_a_class(regression, num_classes)
    kernel = coefficients.T / scale[:, None]
    bias = intercept - mean @ kernel
    return kernel.astype(np.float32), bias.astype(np.float32)


def _one_row_a_class(
    regression: LogisticRegression, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    if num_classes > 2:
        return regression.coef_, regression.intercept_
    # For two classes scikit-learn keeps one row: the difference of the two logits.
    half, half_intercept = regression.coef_ / 2, regression.intercept_ / 2
    return np.vstack([-half, half]), np.concatenate([-half_intercept, half_intercept])
