"""Learning to name the class of a picture."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from artstyle_tf.metrics.macro_f1 import MacroF1
from artstyle_tf.training.objective import Objective


class Classification(Objective):
    """One loss for all phases, judged on batches of validation pictures.

    Args:
        loss: of integer labels [B] and logits [B, C].
        num_classes: C.
        class_weight: class id -> weight of its pictures; None for equal weights.
    """

    def __init__(
        self,
        loss: keras.losses.Loss,
        *,
        num_classes: int,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:
        self._loss = loss
        self._num_classes = num_classes
        self.class_weight = class_weight

    def loss(self, position: int) -> keras.losses.Loss:
        """The same in every phase."""
        del position
        return self._loss

    def metrics(self) -> list[keras.metrics.Metric]:
        """Macro-F1 and accuracy."""
        return [
            MacroF1(self._num_classes),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        ]
