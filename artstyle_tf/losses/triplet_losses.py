"""The triplet losses as Keras losses, to compile, save and load."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Self

import keras

from artstyle_tf.losses.distances import check_distance
from artstyle_tf.losses.settings import Distance, MetricLossConfig
from artstyle_tf.losses.triplet import (
    batch_all_triplet_loss,
    batch_hard_triplet_loss,
    semi_hard_triplet_loss,
)


class BatchLoss(keras.losses.Loss):
    """A loss of a whole batch: what a row contributes depends on all the others."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Loss of labels [B] and embeddings [B, D].

        Raises:
            ValueError: if there are sample weights; a pair of rows has none.
        """
        if sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__} compares images with each other and cannot weigh single "
                "ones. Received: sample_weight (or class_weight). Balance the batches instead."
            )
        return super().__call__(y_true, y_pred)

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: MetricLossConfig) -> Self:
        """Builds the loss; it takes what it needs of the settings that all losses share."""


class TripletLoss(BatchLoss):
    """What the triplet losses share.

    Args:
        margin: distance by which a negative should be farther away than a positive, above 0; None
            for the soft margin.
        distance: "l2", "squared_l2" or "cosine".
        name: of the loss.
        **kwargs: reduction and dtype of every Keras loss.

    Raises:
        ValueError: if an argument is outside its range.
    """

    def __init__(
        self,
        margin: float | None = 0.2,
        *,
        distance: Distance = "l2",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if margin is not None and not (math.isfinite(margin) and margin > 0):
            raise ValueError(f"`margin` should be above 0, or None. Received: margin={margin}")
        check_distance(distance)
        self.margin = None if margin is None else float(margin)
        self.distance: Distance = distance

    @classmethod
    def from_settings(cls, settings: MetricLossConfig) -> Self:
        """Takes margin and distance."""
        return cls(settings.margin, distance=settings.distance)

    @abstractmethod
    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of labels [B] and embeddings [B, D]: float32 scalar."""

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "margin": self.margin, "distance": self.distance}


@keras.saving.register_keras_serializable(package="artstyle_tf")
class SemiHardTripletLoss(TripletLoss):
    """See `artstyle_tf.losses.triplet.semi_hard_triplet_loss`; arguments as in `TripletLoss`."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of labels [B] and embeddings [B, D]: float32 scalar."""
        return semi_hard_triplet_loss(y_true, y_pred, margin=self.margin, distance=self.distance)


@keras.saving.register_keras_serializable(package="artstyle_tf")
class BatchHardTripletLoss(TripletLoss):
    """See `artstyle_tf.losses.triplet.batch_hard_triplet_loss`; arguments as in `TripletLoss`."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of labels [B] and embeddings [B, D]: float32 scalar."""
        return batch_hard_triplet_loss(y_true, y_pred, margin=self.margin, distance=self.distance)


@keras.saving.register_keras_serializable(package="artstyle_tf")
class BatchAllTripletLoss(TripletLoss):
    """See `artstyle_tf.losses.triplet.batch_all_triplet_loss`; arguments as in `TripletLoss`."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of labels [B] and embeddings [B, D]: float32 scalar."""
        return batch_all_triplet_loss(y_true, y_pred, margin=self.margin, distance=self.distance)
