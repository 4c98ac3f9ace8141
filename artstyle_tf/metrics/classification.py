"""Scores of a classifier on labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn import metrics


def classification_summary(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int
) -> dict[str, float]:
    """The four figures everything is compared by.

    Macro figures are means over the classes that occur among the labels. A class that is only
    predicted lowers the precision and recall of the classes it was taken for; counting it as a
    class with F1 0 as well would punish a folder that simply lacks a style.

    Args:
        labels: int [N], class ids in [0, C).
        predictions: int [N], class ids in [0, C).
        num_classes: C.

    Returns:
        macro_f1, accuracy, macro_precision and macro_recall, each in [0, 1].
    """
    present = [number for number in range(num_classes) if np.any(labels == number)]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predictions, labels=present, average="macro", zero_division=0.0
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
    """Precision, recall, F1 and support of each class, in the order of the class names."""
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predictions, labels=list(range(len(class_names))), zero_division=0.0
    )
    columns = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    return pd.DataFrame({"class": list(class_names), **columns})


def confusion_matrix(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """int64 [C, C]: row = true class, column = predicted class."""
    return metrics.confusion_matrix(labels, predictions, labels=list(range(num_classes)))
