"""Scaling of features by groups, as a step of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from artstyle_tf.heads.closed_form import feature_scales
from artstyle_tf.models.features import FeatureGroup


class GroupScaler(TransformerMixin, BaseEstimator):
    """Centers features and scales every group of them to the same total variance.

    Args:
        sizes: numbers of features in each group; None for one group.
        has_one_scale: for each group whether its features share a scale; None for none.
    """

    def __init__(
        self, sizes: Sequence[int] | None = None, has_one_scale: Sequence[bool] | None = None
    ) -> None:
        # As they are: scikit-learn clones an estimator by its arguments.
        self.sizes = sizes
        self.has_one_scale = has_one_scale

    def fit(self, X: Any, y: Any = None) -> GroupScaler:  # noqa: ARG002, N803
        """Compute means and scales of features float [N, D]."""
        features = np.asarray(X, dtype=np.float64)
        groups = None
        if self.sizes is not None:
            flags = self.has_one_scale or [False] * len(self.sizes)
            groups = [FeatureGroup(n, flag) for n, flag in zip(self.sizes, flags, strict=True)]
        self.mean_ = features.mean(axis=0)
        self.scale_ = feature_scales(features, groups)
        self.n_features_in_ = features.shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Scale features float [N, D] -> float64 [N, D]."""
        check_is_fitted(self)
        return (np.asarray(X, dtype=np.float64) - self.mean_) / self.scale_
