"""Triplet losses for Keras: an anchor should be nearer to a positive than to a negative.

All of them compare distances d(anchor, positive) and d(anchor, negative) by

    hinge:        max(0, margin + d_ap - d_an)
    soft margin:  log(1 + exp(d_ap - d_an)), with margin=None

and differ in the triplets of a batch that they use. Triplets are chosen without a gradient; the
gradient goes through the distances of those chosen. No tensor is larger than a few times [B, B].
For rows of length 1 distances are at most 2 (L2, cosine) or 4 (squared L2), which gives the margin
its meaning; nothing is normalized here.
"""

from __future__ import annotations

import math
import pkgutil
from abc import abstractmethod
from typing import Any, Self

import keras
from keras import ops

from artstyle_tf.losses.distances import (
    check_distance,
    masked_mean,
    pairwise_distances,
    positives_and_negatives,
)
from artstyle_tf.losses.settings import METRIC_LOSSES, Distance, MetricLossConfig


def build_metric_loss(name: str, settings: MetricLossConfig) -> BatchLoss:
    """Build a loss of `METRIC_LOSSES`, which reads the settings it needs.

    Raises:
        ValueError: if the name is not known or a value is outside its range.
    """
    if name not in METRIC_LOSSES:
        raise ValueError(f"`name` should be one of {(*METRIC_LOSSES,)}. Received: name={name}")
    return pkgutil.resolve_name(METRIC_LOSSES[name]).from_settings(settings)


class BatchLoss(keras.losses.Loss):
    """A loss of a whole batch: what a row contributes depends on all the others."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Compute the loss of labels [B] and embeddings [B, D].

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
        """Build the loss from the settings that all metric losses share."""


class TripletLoss(BatchLoss):
    """Base class of the triplet losses.

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
        """Build the loss with margin and distance of the settings."""
        return cls(settings.margin, distance=settings.distance)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "margin": self.margin, "distance": self.distance}

    @abstractmethod
    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of labels [B] or [B, 1] and embeddings [B, D]: float32 scalar."""

    def _compare(self, differences: Any) -> Any:
        """Compute the losses of triplets from their d_ap - d_an."""
        if self.margin is None:
            return ops.softplus(differences)
        return ops.relu(differences + self.margin)


@keras.saving.register_keras_serializable(package="artstyle_tf")
class SemiHardTripletLoss(TripletLoss):
    """Mean over all pairs of an anchor and a positive, each with its semi-hard negative.

    That is the nearest negative which is farther away than the positive. Where there is none, it
    is the farthest negative. Nearer negatives, which are often mislabeled or hopeless, would pull
    a young embedding into one point. Triplets without a loss count in the mean. The loss is 0.0
    when no anchor has both a positive and a negative. Arguments as in `TripletLoss`.

    Source: Schroff et al. 2015, arXiv:1503.03832; the farthest negative as a substitute after
    tensorflow-addons.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of labels [B] or [B, 1] and embeddings [B, D]: float32 scalar."""
        distances = pairwise_distances(y_pred, self.distance)
        is_positive, is_negative = positives_and_negatives(y_true)
        chosen = _semi_hard_negatives(ops.stop_gradient(distances), is_negative)
        to_negative = ops.take_along_axis(distances, chosen, axis=1)
        losses = self._compare(distances - to_negative)
        has_negative = ops.any(is_negative, axis=1)[:, None]
        return masked_mean(losses, ops.logical_and(is_positive, has_negative))


@keras.saving.register_keras_serializable(package="artstyle_tf")
class BatchHardTripletLoss(TripletLoss):
    """Mean over all anchors, each with its farthest positive and its nearest negative.

    It is 0.0 when no anchor has both. Arguments as in `TripletLoss`.

    Source: Hermans et al. 2017, arXiv:1703.07737, equation 5.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of labels [B] or [B, 1] and embeddings [B, D]: float32 scalar."""
        distances = pairwise_distances(y_pred, self.distance)
        is_positive, is_negative = positives_and_negatives(y_true)
        constant = ops.stop_gradient(distances)
        farthest = ops.argmax(ops.where(is_positive, constant, -1.0), axis=1)
        nearest = ops.argmin(ops.where(is_negative, constant, float("inf")), axis=1)
        to_positive, to_negative = (
            ops.take_along_axis(distances, chosen[:, None], axis=1)[:, 0]
            for chosen in (farthest, nearest)
        )
        has_both = ops.logical_and(ops.any(is_positive, axis=1), ops.any(is_negative, axis=1))
        return masked_mean(self._compare(to_positive - to_negative), has_both)


@keras.saving.register_keras_serializable(package="artstyle_tf")
class BatchAllTripletLoss(TripletLoss):
    """Mean over all triplets of the batch: with a hinge, over those that have a loss.

    It is 0.0 when there is no triplet, or none with a loss. Arguments as in `TripletLoss`.

    Source: Hermans et al. 2017, arXiv:1703.07737, equation 6 and the mean over non-zero terms
    recommended there.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of labels [B] or [B, 1] and embeddings [B, D]: float32 scalar."""
        distances = pairwise_distances(y_pred, self.distance)
        is_positive, is_negative = positives_and_negatives(y_true)
        constant = ops.stop_gradient(distances)
        totals, numbers, slopes = ops.map(
            self._losses_of_anchor, (constant, is_positive, is_negative)
        )
        number = ops.maximum(ops.sum(numbers), 1.0)
        # Automatic differentiation would hold every anchor's [B, B] matrix. But the slope in each
        # distance is known by now, so a linear function with the same value and slopes will do.
        linear = ops.sum(ops.stop_gradient(slopes) * (distances - constant))
        return (ops.stop_gradient(ops.sum(totals)) + linear) / ops.stop_gradient(number)

    def _losses_of_anchor(self, row: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """Return the sum of the anchor's losses, their number, and their slopes per distance."""
        to_others, positives, negatives = row
        differences = to_others[:, None] - to_others[None, :]  # [positive, negative]
        is_used = ops.logical_and(positives[:, None], negatives[None, :])
        is_used = ops.logical_and(is_used, self._is_chosen(differences))
        slopes = ops.cast(is_used, "float32")
        number = ops.sum(slopes)
        if self.margin is None:
            slopes = slopes * ops.sigmoid(differences)
        total = ops.sum(ops.where(is_used, self._compare(differences), 0.0))
        return total, number, ops.sum(slopes, axis=1) - ops.sum(slopes, axis=0)

    def _is_chosen(self, differences: Any) -> Any:
        """Return which triplets are used, given their d_ap - d_an: bool of the same shape."""
        if self.margin is None:
            return ops.ones_like(differences, dtype="bool")
        return differences + self.margin > 0.0


@keras.saving.register_keras_serializable(package="artstyle_tf")
class HardTripletLoss(BatchAllTripletLoss):
    """Mean over the triplets of the batch whose negative is not farther away than the positive.

    It is 0.0 when there is none. With a pretrained network and no other triplets it tends to
    collapse, so it is here for comparison. Arguments as in `TripletLoss`.

    Source: `TripletMarginMiner(type_of_triplets="hard")` with `TripletMarginLoss` in
    pytorch-metric-learning.
    """

    def _is_chosen(self, differences: Any) -> Any:
        return differences >= 0.0


def _semi_hard_negatives(distances: Any, is_negative: Any) -> Any:
    """Choose the negative of each anchor and positive: int [B, B]."""

    def of_anchor(row: tuple[Any, Any]) -> Any:
        to_others, negatives = row
        # [positive, negative]; anchor after anchor, because all at once would be [B, B, B].
        is_farther = ops.logical_and(to_others[None, :] > to_others[:, None], negatives[None, :])
        nearest = ops.argmin(ops.where(is_farther, to_others[None, :], float("inf")), axis=1)
        farthest = ops.argmax(ops.where(negatives, to_others, -1.0))
        return ops.where(ops.any(is_farther, axis=1), nearest, farthest)

    return ops.map(of_anchor, (distances, is_negative))
