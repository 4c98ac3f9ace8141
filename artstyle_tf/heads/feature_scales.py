"""What to divide features by before something linear is fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.finite_numbers import check_finite

_SMALLEST_SCALE = 1e-6


def feature_scales(features: np.ndarray, groups: Sequence[FeatureGroup] | None) -> np.ndarray:
    """Scales by which every group of features has a total variance of 1.

    Groups, such as the pooled top and the style of a block, should not drown each other. So a
    regression can be regularized in the same way whatever the number of features and groups. Where
    a group has one scale it is kept: a feature that varies little beside the others would become
    noise if it were blown up to their size.

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
    return np.where(joined < _SMALLEST_SCALE, 1.0, joined)
