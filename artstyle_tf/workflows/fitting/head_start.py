"""The first weights of a head: a linear classifier of the frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artstyle_tf.config.training import LinearProbeConfig
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.training.linear_probe import fit_linear_probe
from artstyle_tf.training.ridge_probe import fit_ridge_probe
from artstyle_tf.workflows.fitting.floor import Floor


def fit_head_start(
    probe: LinearProbeConfig,
    floor: Floor | None,
    features: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[FeatureGroup],
    *,
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Fits what the config asks for to the training pictures.

    Args:
        probe: settings.
        floor: is taken as it is where it is the same regression.
        features: float32 [N, D], of the training pictures.
        labels: int [N], of the same.
        groups: the parts of D.
        num_classes: C.

    Returns:
        kernel float32 [D, C] and bias float32 [C], which give logits.
    """
    if probe.method == "ridge":
        return fit_ridge_probe(
            features,
            labels,
            num_classes=num_classes,
            ridge=probe.ridge,
            balanced=probe.balanced,
            groups=groups,
        )
    if floor is not None and len(groups) == 1:
        return floor.kernel, floor.bias
    return fit_linear_probe(
        features,
        labels,
        num_classes=num_classes,
        inverse_regularisation=probe.inverse_regularisation,
        balanced=probe.balanced,
        groups=groups,
    )
