"""Cross-entropy for classes of uneven size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="artstyle_tf")
class LogitAdjustedCrossEntropy(keras.losses.Loss):
    """Cross-entropy on logits to which `tau * log(prior)` was added.

    In training each class has to win by a margin that grows as it gets rarer, so that the plain
    logits, which are used afterwards, are balanced over classes.

    With smoothing e the target is (1 - e) for the true class plus e / C for every class.

    Args:
        class_counts: training pictures of each class, C numbers above 0.
        tau: strength of the adjustment; 0 is plain cross-entropy, 1 that of the paper.
        label_smoothing: e, in [0, 1).
        name: of the loss.

    Source: Menon et al. 2020, arXiv:2007.07314, equation 10.
    """

    def __init__(
        self,
        class_counts: Sequence[int],
        *,
        tau: float = 1.0,
        label_smoothing: float = 0.0,
        name: str = "logit_adjusted_cross_entropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.class_counts = [int(count) for count in class_counts]
        self.tau = tau
        self.label_smoothing = label_smoothing
        counts = np.asarray(self.class_counts, dtype="float64")
        self._adjustment = (tau * np.log(counts / counts.sum())).astype("float32")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each picture.

        Args:
            y_true: int [B] or [B, 1], class ids.
            y_pred: float32 [B, C], logits.

        Returns:
            float32 [B].
        """
        num_classes = len(self.class_counts)
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        log_probabilities = ops.log_softmax(y_pred + self._adjustment, axis=-1)
        targets = ops.one_hot(labels, num_classes, dtype=log_probabilities.dtype)
        targets = (1 - self.label_smoothing) * targets + self.label_smoothing / num_classes
        return -ops.sum(targets * log_probabilities, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "class_counts": self.class_counts,
            "tau": self.tau,
            "label_smoothing": self.label_smoothing,
        }
