from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.metrics.classification import (
    classification_summary,
    confusion_matrix,
    per_class_report,
)

# Class 0: 3 pictures, 2 found; class 1: 2 pictures, both found, and one of class 0 taken for it.
LABELS = np.array([0, 0, 0, 1, 1])
PREDICTIONS = np.array([0, 0, 1, 1, 1])


def test_the_four_figures_by_hand():
    summary = classification_summary(LABELS, PREDICTIONS, num_classes=2)
    assert summary == {
        "macro_f1": pytest.approx((0.8 + 0.8) / 2),
        "accuracy": pytest.approx(4 / 5),
        "macro_precision": pytest.approx((1 + 2 / 3) / 2),
        "macro_recall": pytest.approx((2 / 3 + 1) / 2),
    }
    assert all(type(value) is float for value in summary.values())


def test_a_style_that_a_folder_lacks_does_not_pull_the_mean_down():
    summary = classification_summary(LABELS, PREDICTIONS, num_classes=5)
    assert summary == classification_summary(LABELS, PREDICTIONS, num_classes=2)
    stray = classification_summary(LABELS, np.array([0, 0, 4, 1, 1]), num_classes=5)
    assert stray["macro_recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert stray["macro_f1"] == pytest.approx((0.8 + 1) / 2)


def test_a_class_that_is_never_predicted_scores_zero_without_a_warning():
    summary = classification_summary(LABELS, np.zeros(5, int), num_classes=2)
    assert summary["macro_recall"] == 0.5


def test_the_report_has_one_row_a_class_in_order():
    report = per_class_report(LABELS, PREDICTIONS, class_names=["b", "a", "c"])
    assert report["class"].tolist() == ["b", "a", "c"]
    assert report["support"].tolist() == [3, 2, 0]
    assert report["precision"].tolist() == pytest.approx([1, 2 / 3, 0])
    assert report["recall"].tolist() == pytest.approx([2 / 3, 1, 0])


def test_rows_of_the_confusion_matrix_are_the_true_classes():
    matrix = confusion_matrix(LABELS, PREDICTIONS, num_classes=3)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [0, 2, 0], [0, 0, 0]])
