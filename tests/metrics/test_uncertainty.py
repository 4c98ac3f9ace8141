from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from artstyle_tf.metrics import uncertainty
from artstyle_tf.metrics.classification import (
    classification_summary,
    confusion_matrix,
    per_class_report,
)
from artstyle_tf.metrics.uncertainty import (
    classification_intervals,
    mean_intervals,
    per_class_intervals,
)


def some_predictions(seed=0, sizes=(30, 12, 50), right=0.75):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    wrong = generator.integers(0, len(sizes), len(labels))
    return labels, np.where(generator.random(len(labels)) < right, labels, wrong)


def matrix(labels, predictions, num_classes=3):
    return confusion_matrix(labels, predictions, num_classes=num_classes)


def test_intervals_are_those_of_drawing_pictures_one_by_one():
    labels, predictions = some_predictions()
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(1500):
        chosen = np.concatenate(
            [
                generator.choice(np.flatnonzero(labels == label), (labels == label).sum())
                for label in range(3)
            ]
        )
        drawn.append(classification_summary(labels[chosen], predictions[chosen], num_classes=3))
    slow = pd.DataFrame(drawn).quantile([0.025, 0.975])
    fast = classification_intervals(matrix(labels, predictions), seed=0)
    assert set(fast) == set(slow.columns)
    for name, interval in fast.items():
        assert interval == pytest.approx(tuple(slow[name]), abs=0.012)


def test_the_same_seed_gives_the_same_interval_in_blocks_or_at_once(monkeypatch):
    counts = matrix(*some_predictions())
    first = classification_intervals(counts, seed=3, num_draws=2000)
    assert first == classification_intervals(counts, seed=3, num_draws=2000)
    assert first != classification_intervals(counts, seed=4, num_draws=2000)
    monkeypatch.setattr(uncertainty, "_MOST_VALUES_AT_ONCE", 9 * 300)
    blocks = classification_intervals(counts, seed=3, num_draws=2000)
    assert blocks["macro_f1"] == pytest.approx(first["macro_f1"], abs=0.01)


def test_perfect_predictions_leave_no_doubt_and_absent_classes_do_not_count():
    counts = np.diag([5, 0, 7, 1])
    intervals = classification_intervals(counts, seed=0, num_draws=100)
    assert set(intervals.values()) == {(1.0, 1.0)}
    with pytest.raises(ValueError, match="zeros"):
        classification_intervals(np.zeros((2, 2), int), seed=0)


def test_a_class_that_is_only_predicted_is_not_scored():
    counts = np.array([[6, 2, 2], [1, 9, 0], [0, 0, 0]])
    low, high = classification_intervals(counts, seed=0)["macro_f1"]
    score = (2 * 6 / 17 + 2 * 9 / 21) / 2
    assert low < score < high


def test_means_agree_with_scipy():
    values = np.random.default_rng(0).beta(2, 1, 80)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1)
    ).confidence_interval
    (ours,) = mean_intervals(pd.DataFrame({"x": values}), np.zeros(80), seed=0).values()
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_means_are_drawn_within_classes_and_leave_gaps_out():
    values = pd.DataFrame({"x": [0.0] * 50 + [1.0] * 50 + [np.nan]})
    classes = np.repeat([0, 1, 2], [50, 50, 1])
    assert mean_intervals(values, classes, seed=0) == {"x": (0.5, 0.5)}
    low, high = mean_intervals(values, np.zeros(101), seed=0)["x"]
    assert low < 0.45 < 0.55 < high
    assert mean_intervals(values[100:], classes[100:], seed=0) == {"x": (0.0, 0.0)}


@pytest.mark.slow
def test_95_percent_intervals_cover_the_truth_about_as_often():
    """Accuracy and recall are means, so that their truth is known."""
    covered = []
    for seed in range(2000):
        labels, predictions = some_predictions(seed, sizes=(80, 60, 100), right=0.7)
        counts = matrix(labels, predictions)
        low, high = classification_intervals(counts, seed=seed, num_draws=600)["accuracy"]
        covered.append(low <= 0.7 + 0.3 / 3 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_intervals_of_classes_are_those_of_drawing_pictures_one_by_one():
    labels, predictions = some_predictions()
    found = per_class_intervals(matrix(labels, predictions, 4), seed=0)
    assert found.loc[3].isna().all()  # without pictures there is nothing to say
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(1500):
        chosen = np.concatenate(
            [
                generator.choice(np.flatnonzero(labels == label), (labels == label).sum())
                for label in range(3)
            ]
        )
        report = per_class_report(labels[chosen], predictions[chosen], class_names=list("abc"))
        drawn.append(report[["precision", "recall", "f1"]].to_numpy())
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    ends = [
        found[[f"{name}_{end}" for name in ("precision", "recall", "f1")]][:3]
        for end in ("low", "high")
    ]
    np.testing.assert_allclose(ends, [low, high], atol=0.04)
