"""Cross-entropy for classes of uneven size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from artstyle_tf.system.errors import ArtstyleError


@keras.saving.register_keras_serializable(package="artstyle_tf")
class LogitAdjustedCrossEntropy(keras.losses.Loss):
    """Cross-entropy on logits to which `tau * log(prior)` was added.

    For an image with logits f and label y, priors p and label smoothing e over C classes:

        a_c  = f_c + tau * log(p_c)
        q_c  = (1 - e) * [c == y] + e / C
        loss = -sum_c q_c * log(softmax(a)_c)

    A frequent class starts ahead, so a rare one has to win by a margin: with e = 0 and two classes
    the loss is log(1 + (p_other / p_y)^tau * exp(f_other - f_y)). The adjustment belongs to the
    loss alone. Predict with the plain logits: for tau = 1 they are those of equally frequent
    classes. The smoothed target is uniform and meets the adjusted logits, as in the first line.

    Args:
        class_counts: training images of each class, C numbers; only their ratios matter, so
            priors will do.
        tau: strength of the adjustment, at least 0: 0 is plain cross-entropy, 1 makes the loss
            consistent for the balanced error.
        label_smoothing: e, in [0, 1).
        name: of the loss.
        **kwargs: reduction and dtype of every Keras loss.

    Raises:
        ArtstyleError: if tau is above 0 and a class has no images: log(0) is minus infinity.
        ValueError: if an argument is outside its range.

    Source: the logit-adjusted softmax cross-entropy of Menon et al. 2020, arXiv:2007.07314.
    """

    def __init__(
        self,
        class_counts: Sequence[float],
        *,
        tau: float = 1.0,
        label_smoothing: float = 0.0,
        name: str = "logit_adjusted_cross_entropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.class_counts = [float(count) for count in class_counts]
        self.tau = float(tau)
        self.label_smoothing = float(label_smoothing)
        self._check_arguments()
        counts = np.asarray(self.class_counts, dtype="float64")
        self._adjustment = np.log(counts / counts.sum()) * self.tau if self.tau else None

    def _check_arguments(self) -> None:
        if len(self.class_counts) < 2:
            raise ValueError(f"class_counts must have at least 2 numbers: {self.class_counts}")
        if not all(math.isfinite(count) and count >= 0 for count in self.class_counts):
            raise ValueError(f"class_counts must be finite and >= 0: {self.class_counts}")
        if not (math.isfinite(self.tau) and self.tau >= 0):
            raise ValueError(f"tau must be finite and >= 0, not {self.tau}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), not {self.label_smoothing}")
        if self.tau and not all(self.class_counts):
            raise ArtstyleError(
                "Logit adjustment needs training images of every class",
                received=f"none of class number {self.class_counts.index(0.0)} (counted from 0)",
                expected="at least one",
                fix="add images of it, leave the class out, or do not use logit adjustment",
            )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss [B], in its dtype, float32 by default.

        Args:
            y_true: int [B] or [B, 1], class ids in [0, C).
            y_pred: float [B, C], logits.

        Raises:
            ValueError: if the logits are not of C classes.
        """
        num_classes = len(self.class_counts)
        if y_pred.shape[-1] != num_classes:
            raise ValueError(f"y_pred must be [B, {num_classes}], not {tuple(y_pred.shape)}")
        if self._adjustment is not None:
            y_pred = y_pred + ops.convert_to_tensor(self._adjustment, dtype=y_pred.dtype)
        log_probabilities = ops.log_softmax(y_pred, axis=-1)
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        targets = ops.one_hot(labels, num_classes, dtype=log_probabilities.dtype)
        targets = (1 - self.label_smoothing) * targets + self.label_smoothing / num_classes
        return -ops.sum(targets * log_probabilities, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "class_counts": self.class_counts,
            "tau": self.tau,
            "label_smoothing": self.label_smoothing,
        }
