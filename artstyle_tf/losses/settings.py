"""Names and settings of the metric losses."""

from __future__ import annotations

from typing import Annotated, Literal

from artstyle_tf.config.base import PositiveFloat, Schema, one_of

METRIC_LOSSES = {
    "semi_hard": "artstyle_tf.losses.triplet_losses:SemiHardTripletLoss",
    "batch_hard": "artstyle_tf.losses.triplet_losses:BatchHardTripletLoss",
    "hard": "artstyle_tf.losses.triplet_losses:HardTripletLoss",
    "batch_all": "artstyle_tf.losses.triplet_losses:BatchAllTripletLoss",
    "supervised_contrastive": (
        "artstyle_tf.losses.supervised_contrastive:SupervisedContrastiveLoss"
    ),
}
"""Name of each loss -> its class, a `BatchLoss`; by name, because settings do not import Keras."""

MetricLossName = Annotated[str, one_of(METRIC_LOSSES)]

Distance = Literal["l2", "squared_l2", "cosine"]


class MetricLossConfig(Schema):
    """Settings that the metric losses share; each reads those it needs.

    Attributes:
        margin: distance by which a negative should be farther away than a positive; null for the
            soft margin.
        distance: distance between the embeddings of triplets.
        temperature: temperature of the supervised contrastive loss.
    """

    margin: PositiveFloat | None = None
    distance: Distance = "l2"
    temperature: PositiveFloat = 0.1
