"""Losses of metric learning by name."""

from __future__ import annotations

import pkgutil

from artstyle_tf.losses.settings import METRIC_LOSSES, MetricLossConfig
from artstyle_tf.losses.triplet_losses import BatchLoss


def build_metric_loss(name: str, settings: MetricLossConfig) -> BatchLoss:
    """Builds a loss, which takes from the settings what it needs.

    Args:
        name: one of `METRIC_LOSSES`.
        settings: what the losses share.

    Raises:
        ValueError: if the name is not known or a value is outside its range.
    """
    if name not in METRIC_LOSSES:
        raise ValueError(f"`name` should be one of {(*METRIC_LOSSES,)}. Received: name={name}")
    return pkgutil.resolve_name(METRIC_LOSSES[name]).from_settings(settings)
