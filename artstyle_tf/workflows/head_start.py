"""The first weights of a head: a linear classifier of the frozen features."""

from __future__ import annotations

import numpy as np

from artstyle_tf.config.training import LinearProbeConfig
from artstyle_tf.models.features import Features
from artstyle_tf.training.linear_probe import fit_linear_probe
from artstyle_tf.training.ridge_probe import fit_ridge_probe
from artstyle_tf.workflows.floor import Floor
from artstyle_tf.workflows.training_inputs import TrainingInputs


def fit_head_start(
    probe: LinearProbeConfig,
    floor: Floor,
    features: Features,
    inputs: TrainingInputs,
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fits what the config asks for to the training pictures.

    Args:
        probe: settings.
        floor: is taken as it is where it is the same regression.
        features: of the network.
        inputs: of the training pictures, with the present weights.
        labels: int [N], of the training pictures.

    Returns:
        kernel float32 [D, C] and bias float32 [C], which give logits.
    """
    num_classes = len(floor.bias)
    if probe.method == "ridge":
        return fit_ridge_probe(
            inputs.features("train"),
            labels,
            num_classes=num_classes,
            ridge=probe.ridge,
            balanced=probe.balanced,
            groups=features.groups,
        )
    if not features.branches:
        return floor.kernel, floor.bias
    return fit_linear_probe(
        inputs.features("train"),
        labels,
        num_classes=num_classes,
        inverse_regularisation=probe.inverse_regularisation,
        balanced=probe.balanced,
        groups=features.groups,
    )
