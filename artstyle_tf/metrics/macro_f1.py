"""Macro-F1 as a Keras metric."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="artstyle_tf")
class MacroF1(keras.metrics.Metric):
    """Mean of the classes' F1, from one confusion matrix over all batches.

    A mean of the batches' macro-F1 would be another, lower number. F1 of class c, with M[c, d] the
    (weighted) images of class c predicted as class d, is

        F1_c = 2 M[c, c] / (sum_d M[c, d] + sum_d M[d, c])

    and the mean goes over the classes with images, exactly as in
    `artstyle_tf.metrics.classification`; the best epoch is chosen by comparing the two.

    Args:
        num_classes: number C of classes, at least 2.
        name: of the metric.
        **kwargs: dtype, of the matrix; the default float32 counts up to 2**24 images a cell.

    Raises:
        ValueError: if there are fewer than two classes.
    """

    def __init__(self, num_classes: int, name: str = "macro_f1", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, not {num_classes}")
        self.num_classes = num_classes
        self.confusion = self.add_variable(
            shape=(num_classes, num_classes), initializer="zeros", name="confusion"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch to the confusion matrix.

        Args:
            y_true: int [B] or [B, 1], class ids in [0, C); other ids are not counted.
            y_pred: float [B, C], logits or probabilities; the largest is the prediction.
            sample_weight: float [B], [B, 1] or a scalar; None for 1.

        Raises:
            ValueError: if the logits are not of C classes.
        """
        y_pred = ops.convert_to_tensor(y_pred)
        if y_pred.shape[-1] != self.num_classes:
            raise ValueError(
                f"y_pred must be [B, {self.num_classes}], not {tuple(y_pred.shape)}: "
                "predictions of further classes would be dropped silently"
            )
        ids = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        labels = ops.one_hot(ids, self.num_classes, dtype=self.dtype)
        predictions = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes, dtype=self.dtype)
        if sample_weight is not None:
            labels = labels * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.confusion.assign_add(ops.matmul(ops.transpose(labels), predictions))

    def result(self) -> Any:
        """Return a scalar in [0, 1]; 0 before the first image."""
        num_labeled = ops.sum(self.confusion, axis=1)
        num_predicted = ops.sum(self.confusion, axis=0)
        occurs = ops.cast(num_labeled > 0, self.dtype)
        # A class without images gets weight 0 below; the 1 only keeps 0 / 0 out.
        totals = ops.where(num_labeled > 0, num_labeled + num_predicted, 1.0)
        scores = 2.0 * ops.diagonal(self.confusion) / totals
        return ops.sum(scores * occurs) / ops.maximum(ops.sum(occurs), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "num_classes": self.num_classes}
