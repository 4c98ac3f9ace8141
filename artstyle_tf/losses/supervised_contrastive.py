"""Supervised contrastive loss: all positives of an anchor against all other rows."""

from __future__ import annotations

import math
from typing import Any, Self

import keras
from keras import ops

from artstyle_tf.losses.distances import normalized_rows
from artstyle_tf.losses.pairs import masked_mean, positives_and_negatives
from artstyle_tf.losses.settings import MetricLossConfig
from artstyle_tf.losses.triplet_losses import BatchLoss


def supervised_contrastive_loss(labels: Any, embeddings: Any, *, temperature: float = 0.1) -> Any:
    """Mean over anchors of the mean over positives of -log softmax(similarity / temperature).

    The softmax of an anchor goes over all other rows of the batch.

    Args:
        labels: [B] or [B, 1], class ids.
        embeddings: float [B, D]; normalized here.
        temperature: above 0; a small one looks at the hardest rows only.

    Returns:
        float32 scalar; anchors without a positive are left out, 0.0 if there is no other.

    Source: Khosla et al. 2020, arXiv:2004.11362, equation 2 (L_out).
    """
    rows = normalized_rows(ops.cast(embeddings, "float32"))
    similarities = ops.matmul(rows, ops.transpose(rows)) / temperature
    is_positive, is_negative = positives_and_negatives(labels)
    is_other = ops.logical_or(is_positive, is_negative)
    # A finite number, because the difference of two infinities is none.
    others = ops.where(is_other, similarities, -1e9)
    log_probabilities = similarities - ops.logsumexp(others, axis=1, keepdims=True)
    positives = ops.cast(is_positive, "float32")
    num_positives = ops.sum(positives, axis=1)
    of_positives = ops.sum(ops.where(is_positive, log_probabilities, 0.0), axis=1)
    losses = -of_positives / ops.maximum(num_positives, 1.0)
    return masked_mean(losses, num_positives > 0.0)


@keras.saving.register_keras_serializable(package="artstyle_tf")
class SupervisedContrastiveLoss(BatchLoss):
    """See `supervised_contrastive_loss`.

    Args:
        temperature: above 0.
        name: of the loss.
        **kwargs: reduction and dtype of every Keras loss.

    Raises:
        ValueError: if the temperature is not above 0.
    """

    def __init__(self, temperature: float = 0.1, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"`temperature` should be above 0. Received: {temperature}")
        self.temperature = float(temperature)

    @classmethod
    def from_settings(cls, settings: MetricLossConfig) -> Self:
        """Takes the temperature."""
        return cls(settings.temperature)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of labels [B] and embeddings [B, D]: float32 scalar."""
        return supervised_contrastive_loss(y_true, y_pred, temperature=self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "temperature": self.temperature}
