"""The first weights of a head: a linear classifier of the frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from artstyle_tf.config.training import LinearProbeConfig
from artstyle_tf.data.picture_groups import connected
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.reporting import SILENT, Reporter
from artstyle_tf.training.linear_probe import fit_linear_probe
from artstyle_tf.training.ridge_choice import choose_ridge
from artstyle_tf.training.ridge_probe import fit_ridge_probe
from artstyle_tf.workflows.fitting.floor import Floor
from artstyle_tf.workflows.split_pictures import SplitPictures

ProbeConfig = TypeVar("ProbeConfig", bound=LinearProbeConfig)


def choose_probe(
    probe: ProbeConfig,
    features: np.ndarray,
    pictures: SplitPictures,
    groups: Sequence[FeatureGroup],
    *,
    num_classes: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> ProbeConfig:
    """Replaces a ridge that is to be chosen by the one that is best for other groups.

    Args:
        probe: settings.
        features: float32 [N, D], of the training pictures.
        pictures: the same.
        groups: the parts of D.
        num_classes: C.
        seed: of the folds.
        reporter: is told the choice.
    """
    if probe.method != "ridge" or probe.ridge != "auto":
        return probe
    rows = pictures.rows
    choice = choose_ridge(
        features,
        pictures.labels,
        connected(rows["source_digest"], rows["group"]),  # copies have the digest of their parent
        num_classes=num_classes,
        balanced=probe.balanced,
        groups=groups,
        seed=seed,
    )
    scores = ", ".join(f"{ridge:g}: {score:.3f}" for ridge, score in choice.scores.items())
    reporter.info(f"Ridge {choice.ridge:g}, by macro-F1 on folds of training pictures ({scores})")
    return probe.model_copy(update={"ridge": choice.ridge})


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
        probe: settings, from `choose_probe`.
        floor: is taken as it is where it is the same regression.
        features: float32 [N, D], of the training pictures.
        labels: int [N], of the same.
        groups: the parts of D.
        num_classes: C.

    Returns:
        kernel float32 [D, C] and bias float32 [C], which give logits.
    """
    if probe.method == "ridge":
        assert probe.ridge != "auto"
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
