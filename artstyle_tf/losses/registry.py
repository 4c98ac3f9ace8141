"""Losses of metric learning by name."""

from __future__ import annotations

from collections.abc import Callable

from artstyle_tf.losses.distances import Distance
from artstyle_tf.losses.supervised_contrastive import SupervisedContrastiveLoss
from artstyle_tf.losses.triplet_losses import (
    BatchAllTripletLoss,
    BatchHardTripletLoss,
    BatchLoss,
    SemiHardTripletLoss,
    TripletLoss,
)

_TRIPLET_LOSSES: dict[str, Callable[..., TripletLoss]] = {
    "semi_hard": SemiHardTripletLoss,
    "batch_hard": BatchHardTripletLoss,
    "batch_all": BatchAllTripletLoss,
}

METRIC_LOSS_NAMES = (*_TRIPLET_LOSSES, "supervised_contrastive")


def build_metric_loss(
    name: str, *, margin: float | None, distance: Distance, temperature: float
) -> BatchLoss:
    """Builds a loss, giving it what it takes.

    Args:
        name: one of `METRIC_LOSS_NAMES`.
        margin: of triplets; None for the soft margin.
        distance: of triplets.
        temperature: of supervised contrast.

    Raises:
        ValueError: if the name is not known or a value is outside its range.
    """
    if name in _TRIPLET_LOSSES:
        return _TRIPLET_LOSSES[name](margin, distance=distance)
    if name == "supervised_contrastive":
        return SupervisedContrastiveLoss(temperature)
    raise ValueError(f"`name` should be one of {METRIC_LOSS_NAMES}. Received: name={name}")
