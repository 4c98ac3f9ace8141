from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artstyle_tf.metrics.classification import (
    classification_summary,
    confusion_matrix,
    per_class_report,
)
from artstyle_tf.metrics.uncertainty import (
    classification_intervals,
    macro_f1_interval,
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


def test_with_many_images_intervals_are_those_of_a_bootstrap():
    labels, predictions = some_predictions(sizes=(300, 120, 500))
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
    fast = classification_intervals(matrix(labels, predictions))
    assert set(fast) == set(slow.columns)
    for name, interval in fast.items():
        assert interval == pytest.approx(tuple(slow[name]), abs=0.012)


@pytest.mark.parametrize("sizes", [(1,), (3, 3), (5, 7, 1), (3,) * 120])
def test_intervals_of_perfect_predictions_are_wider_for_fewer_images(sizes):
    counts = np.diag(sizes)
    for low, high in classification_intervals(counts).values():
        assert high == 1.0
        # The exact one-sided bound, weighted as the classes are.
        assert 0.02 < low < 0.025 ** (1 / sum(sizes)) + 1e-9
    rows = per_class_intervals(counts)
    assert rows[["recall_high", "precision_high", "f1_high"]].eq(1).all(axis=None)
    assert rows["recall_low"].tolist() == pytest.approx([0.025 ** (1 / size) for size in sizes])


def test_absent_classes_do_not_count():
    with_them = classification_intervals(np.diag([5, 0, 7, 1]))
    assert with_them == classification_intervals(np.diag([5, 7, 1]))
    with pytest.raises(ValueError, match="zeros"):
        classification_intervals(np.zeros((2, 2), int))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=3, max_size=3).filter(
        lambda rows: np.any(rows)
    )
)
def test_every_interval_has_a_width_and_holds_its_score(rows):
    counts = np.array(rows)
    labels, predictions = np.repeat(np.indices((3, 3)).reshape(2, 9), counts.ravel(), axis=1)
    scores = classification_summary(labels, predictions, num_classes=3)
    for name, (low, high) in classification_intervals(counts).items():
        assert 0 <= low < high <= 1
        assert low - 1e-12 <= scores[name] <= high + 1e-12
    report = per_class_report(labels, predictions, class_names=list("abc"))
    ends = per_class_intervals(counts)
    for name in ("precision", "recall", "f1"):
        known = report["support"] > 0
        low, high = (ends.loc[known, f"{name}_{end}"] for end in ("low", "high"))
        assert (low < high).all()
        assert (low - 1e-12 <= report.loc[known, name]).all()
        assert (report.loc[known, name] <= high + 1e-12).all()


def test_dependent_images_count_as_fewer_observations():
    labels = np.tile(np.repeat([0, 1], 12), 10)
    clusters = np.repeat(np.arange(20), 12)
    model = np.where(np.isin(clusters, [0, 3, 7]), 1 - labels, labels)
    widths = [
        np.diff(macro_f1_interval(labels, [model], num_classes=2, clusters=of))[0]
        for of in (np.arange(len(labels)), clusters)
    ]
    assert widths[1] > 2.5 * widths[0]
    # All works of one artist, all right: one proof, and a wide interval.
    low, high = macro_f1_interval(labels, [labels], num_classes=2, clusters=np.zeros(240, int))
    assert (low < 0.03, high) == (True, 1.0)


def test_with_many_clusters_intervals_are_those_of_a_bootstrap_of_clusters():
    generator = np.random.default_rng(5)
    clusters = np.repeat(np.arange(300), generator.integers(1, 6, 300))
    labels = (np.arange(300) % 3)[clusters]
    known = generator.random(300) < 0.75
    model = np.where(known[clusters], labels, (labels + generator.integers(1, 3, len(labels))) % 3)
    members = [np.flatnonzero(clusters == cluster) for cluster in range(300)]
    drawn = []
    for _ in range(1000):
        chosen = np.concatenate([members[i] for i in generator.integers(0, 300, 300)])
        drawn.append(
            classification_summary(labels[chosen], model[chosen], num_classes=3)["macro_f1"]
        )
    found = macro_f1_interval(labels, [model], num_classes=3, clusters=clusters)
    assert found == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.012)


def test_a_class_that_is_only_predicted_is_not_scored():
    counts = np.array([[6, 2, 2], [1, 9, 0], [0, 0, 0]])
    low, high = classification_intervals(counts)["macro_f1"]
    score = (2 * 6 / 17 + 2 * 9 / 21) / 2
    assert low < score < high


def test_with_many_images_means_agree_with_scipy():
    values = np.random.default_rng(0).beta(2, 1, 800)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=5000, rng=np.random.default_rng(1)
    ).confidence_interval
    (ours,) = mean_intervals(pd.DataFrame({"x": values}), np.zeros(800)).values()
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.003)


def test_means_vary_within_classes_and_leave_gaps_out():
    values = pd.DataFrame({"x": [0.0] * 50 + [1.0] * 50 + [np.nan]})
    classes = np.repeat([0, 1, 2], [50, 50, 1])
    low, high = mean_intervals(values, classes)["x"]
    assert 0.45 < low < 0.5 < high < 0.55
    low, high = mean_intervals(values, np.zeros(101))["x"]
    assert low < 0.45 < 0.55 < high
    assert mean_intervals(values[100:], classes[100:]) == {"x": (0.0, 1.0)}
    assert mean_intervals(values[:1], classes[:1])["x"] == pytest.approx((0.0, 0.975))


def test_precision_of_a_class_that_was_never_predicted_is_unknown():
    rows = per_class_intervals(np.array([[3, 0], [2, 0]]))
    assert rows.loc[1, ["precision_low", "precision_high"]].tolist() == [0, 1]
    assert per_class_intervals(np.diag([3, 0])).loc[1].isna().all()
