from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from artstyle_tf.metrics.classification import (
    classification_summary,
    confusion_matrix,
    per_class_report,
)
from artstyle_tf.system.errors import ArtstyleError

# Class 0: 2 of 3 images found, the other predicted as class 1; class 1: 2 of 2 images found.
LABELS = np.array([0, 0, 0, 1, 1])
PREDICTIONS = np.array([0, 0, 1, 1, 1])


def test_the_four_scores_of_a_small_example():
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


def test_narrow_integers_do_not_overflow():
    labels = np.array([0, 11], dtype=np.int8)  # 11 * 12 + 11 is more than an int8 holds
    matrix = confusion_matrix(labels, np.array([1, 11], dtype=np.int8), num_classes=12)
    assert matrix[0, 1] == matrix[11, 11] == 1
    assert matrix.sum() == 2


NUM_CLASSES = 5
PAIRS = st.lists(
    st.tuples(st.integers(0, NUM_CLASSES - 1), st.integers(0, NUM_CLASSES - 1)),
    min_size=1,
    max_size=60,
)


def divide(numerator, denominator):
    return numerator / denominator if denominator else 0.0


def naive_scores(labels, predictions, number):
    """Precision, recall and F1 of one class, counted directly."""
    pairs = list(zip(labels, predictions, strict=True))
    hits = sum(label == prediction == number for label, prediction in pairs)
    precision = divide(hits, sum(prediction == number for _, prediction in pairs))
    recall = divide(hits, sum(label == number for label, _ in pairs))
    return precision, recall, divide(2 * precision * recall, precision + recall)


@given(PAIRS)
def test_summary_is_the_mean_over_the_labeled_classes(pairs):
    labels, predictions = np.array(pairs).T
    rows = [naive_scores(labels, predictions, number) for number in sorted(set(labels.tolist()))]
    precision, recall, f1 = np.mean(rows, axis=0)
    assert classification_summary(labels, predictions, num_classes=NUM_CLASSES) == pytest.approx(
        {
            "macro_f1": f1,
            "accuracy": np.mean(labels == predictions),
            "macro_precision": precision,
            "macro_recall": recall,
        }
    )


def test_summary_is_that_of_scikit_learn_where_every_class_has_images():
    generator = np.random.default_rng(3)
    labels = np.concatenate([np.arange(NUM_CLASSES), generator.integers(0, NUM_CLASSES, 200)])
    predictions = np.where(generator.random(205) < 0.6, labels, 2)
    summary = classification_summary(labels, predictions, num_classes=NUM_CLASSES)
    assert summary["macro_f1"] == pytest.approx(
        metrics.f1_score(labels, predictions, average="macro")
    )
    assert summary["macro_recall"] == pytest.approx(
        metrics.balanced_accuracy_score(labels, predictions)
    )
    assert all(type(score) is float for score in summary.values())  # JSON


@given(PAIRS)
def test_report_and_summary_agree(pairs):
    labels, predictions = np.array(pairs).T
    names = ["Ölbild", "浮世絵", "c", "d", "e"]
    report = per_class_report(labels, predictions, class_names=names)
    assert list(report.columns) == ["class", "precision", "recall", "f1", "support"]
    assert list(report["class"]) == names
    assert report["support"].tolist() == [int((labels == i).sum()) for i in range(NUM_CLASSES)]
    summary = classification_summary(labels, predictions, num_classes=NUM_CLASSES)
    scored = report[report["support"] > 0]
    for column, key in (("precision", "macro_precision"), ("recall", "macro_recall")):
        assert scored[column].mean() == pytest.approx(summary[key])
    assert scored["f1"].mean() == pytest.approx(summary["macro_f1"])
    assert report["support"].dtype == np.int64


@given(PAIRS)
def test_confusion_matrix_is_that_of_scikit_learn(pairs):
    labels, predictions = np.array(pairs).T
    matrix = confusion_matrix(labels, predictions, num_classes=NUM_CLASSES)
    expected = metrics.confusion_matrix(labels, predictions, labels=range(NUM_CLASSES))
    np.testing.assert_array_equal(matrix, expected)
    assert matrix.dtype == np.int64


@pytest.mark.parametrize("function", [classification_summary, confusion_matrix])
def test_wrong_input_is_refused(function):
    good = np.array([0, 1])
    with pytest.raises(ArtstyleError, match="no images to score"):
        function(good[:0], good[:0], num_classes=2)
    with pytest.raises(ValueError, match=r"predictions must be in \[0, 2\), not in \[0, 2\]"):
        function(good, np.array([0, 2]), num_classes=2)
    with pytest.raises(ValueError, match="labels must be in"):
        function(np.array([0, -1]), good, num_classes=2)
    with pytest.raises(ValueError, match="integers"):
        function(good, np.array([0.4, 0.6]), num_classes=2)
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        function(good, good[:1], num_classes=2)
