"""Macro-F1 as a Keras metric."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="artstyle_tf")
class MacroF1(keras.metrics.Metric):
    """Mean over the classes of F1, from a confusion matrix over all batches.

    A class that occurs neither among the labels nor among the predictions is left out of the
    mean, as in scikit-learn's `f1_score(average="macro")`.

    Args:
        num_classes: number C of classes.
        name: of the metric.
    """

    def __init__(self, num_classes: int, name: str = "macro_f1", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.confusion = self.add_variable(
            shape=(num_classes, num_classes), initializer="zeros", name="confusion"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of labels int [B] or [B, 1] and logits [B, C]."""
        labels = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.num_classes)
        predictions = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        if sample_weight is not None:
            labels = labels * ops.reshape(ops.cast(sample_weight, labels.dtype), (-1, 1))
        self.confusion.assign_add(ops.matmul(ops.transpose(labels), predictions))

    def result(self) -> Any:
        """float32 scalar."""
        hits = ops.diagonal(self.confusion)
        totals = ops.sum(self.confusion, axis=0) + ops.sum(self.confusion, axis=1)
        occurs = ops.cast(totals > 0, "float32")
        scores = 2 * hits / ops.maximum(totals, 1e-12)
        return ops.sum(scores * occurs) / ops.maximum(ops.sum(occurs), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "num_classes": self.num_classes}
