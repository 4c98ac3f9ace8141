"""Supervised contrastive loss: all positives of an anchor against all other rows."""

from __future__ import annotations

import math
from typing import Any, Self

import keras
from keras import ops

from artstyle_tf.losses.distances import masked_mean, normalized_rows, positives_and_negatives
from artstyle_tf.losses.settings import MetricLossConfig
from artstyle_tf.losses.triplet_losses import BatchLoss


@keras.saving.register_keras_serializable(package="artstyle_tf")
class SupervisedContrastiveLoss(BatchLoss):
    """Mean over anchors of the mean over positives of -log softmax(similarity / temperature).

    The softmax of an anchor goes over all other rows of the batch. Embeddings are normalized here.
    Anchors without a positive are left out; the loss is 0.0 if there is no other.

    Args:
        temperature: above 0; a small one gives weight to the hardest rows only.
        name: of the loss.
        **kwargs: reduction and dtype of every Keras loss.

    Raises:
        ValueError: if the temperature is not above 0.

    Source: Khosla et al. 2020, arXiv:2004.11362, equation 2 (L_out).
    """

    def __init__(self, temperature: float = 0.1, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"`temperature` should be above 0. Received: {temperature}")
        self.temperature = float(temperature)

    @classmethod
    def from_settings(cls, settings: MetricLossConfig) -> Self:
        """Build the loss with the temperature of the settings."""
        return cls(settings.temperature)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of labels [B] or [B, 1] and embeddings [B, D]: float32 scalar."""
        rows = normalized_rows(ops.cast(y_pred, "float32"))
        similarities = ops.matmul(rows, ops.transpose(rows)) / self.temperature
        is_positive, is_negative = positives_and_negatives(y_true)
        is_other = ops.logical_or(is_positive, is_negative)
        # A finite number, because the difference of two infinities is not a number.
        others = ops.where(is_other, similarities, -1e9)
        log_probabilities = similarities - ops.logsumexp(others, axis=1, keepdims=True)
        num_positives = ops.sum(ops.cast(is_positive, "float32"), axis=1)
        sums = ops.sum(ops.where(is_positive, log_probabilities, 0.0), axis=1)
        losses = -sums / ops.maximum(num_positives, 1.0)
        return masked_mean(losses, num_positives > 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "temperature": self.temperature}
