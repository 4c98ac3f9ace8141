"""Scores of a classifier on labeled images.

One rule for all scores here and for the training metric `MacroF1`: a class is scored if it occurs
among the true labels. scikit-learn's default also scores a class that is only predicted, with F1 0.
On a folder that lacks a style, that would subtract up to 1 / C for a handful of mistakes, and the
score would depend on whether there were none or one. The mistakes still count: each lowers the
recall of the true class. Where every class has images, both rules agree.

Everywhere below, labels and predictions are int [N], class ids in [0, C). The functions raise
ArtstyleError if there are no images, and ValueError if the arrays are not such integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn import metrics

from artstyle_tf.system.errors import ArtstyleError


def classification_summary(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int
) -> dict[str, float]:
    """Compute macro_f1, accuracy, macro_precision and macro_recall, each in [0, 1].

    Macro scores are plain means over the classes that occur among the labels. The precision of a
    class that is never predicted counts as 0.
    """
    labels, predictions = _checked(labels, predictions, num_classes)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predictions, labels=np.unique(labels), average="macro", zero_division=0.0
    )
    return {
        "macro_f1": float(f1),
        "accuracy": float(np.mean(labels == predictions)),
        "macro_precision": float(precision),
        "macro_recall": float(recall),
    }


def per_class_report(
    labels: np.ndarray, predictions: np.ndarray, *, class_names: Sequence[str]
) -> pd.DataFrame:
    """Compute precision, recall, F1 and support of each class.

    Returns:
        Columns class, precision, recall, f1 (float64) and support (int64, number of images), one
        row a class in the order of the C names. A class with support 0 has scores 0 that mean
        nothing; the mean of a column over the other rows is the macro score.
    """
    num_classes = len(class_names)
    labels, predictions = _checked(labels, predictions, num_classes)
    *scores, support = metrics.precision_recall_fscore_support(
        labels, predictions, labels=np.arange(num_classes), zero_division=0.0
    )
    columns = dict(zip(("precision", "recall", "f1"), scores, strict=True))
    # scikit-learn 1.9 counts in float64.
    support = np.asarray(support, dtype=np.int64)
    return pd.DataFrame({"class": list(class_names), **columns, "support": support})


def confusion_matrix(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """Count predictions: int64 [C, C]; row = true class, column = predicted class."""
    labels, predictions = _checked(labels, predictions, num_classes)
    counts = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def _checked(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays as int64 [N]: scikit-learn silently drops an unknown class id."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape:
        raise ValueError(
            f"labels and predictions must both be [N], not {labels.shape} and {predictions.shape}"
        )
    if not labels.size:
        raise ArtstyleError(
            "There are no images to score",
            received="0 readable images with a label",
            expected="at least one",
            fix="point to a folder of style folders with readable images in them",
        )
    for name, ids in (("labels", labels), ("predictions", predictions)):
        if not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"{name} must be integers, not {ids.dtype}")
        if ids.min() < 0 or ids.max() >= num_classes:
            raise ValueError(
                f"{name} must be in [0, {num_classes}), not in [{ids.min()}, {ids.max()}]"
            )
    return labels.astype(np.int64), predictions.astype(np.int64)
