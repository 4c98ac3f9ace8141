from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from artstyle_tf.metrics.classification import confusion_matrix
from artstyle_tf.metrics.clustered import draw_f1, draw_macro_f1
from artstyle_tf.metrics.uncertainty import classification_intervals, percentile_interval


def answers(labels, generator, *, accuracy, num_classes):
    wrong = (labels + generator.integers(1, num_classes, len(labels))) % num_classes
    return np.where(generator.random(len(labels)) < accuracy, labels, wrong)


@pytest.fixture
def pictures():
    generator = np.random.default_rng(5)
    labels = np.repeat([0, 1, 2], [40, 25, 12])
    clusters = np.unique(labels * 100 + generator.integers(0, 9, 77), return_inverse=True)[1]
    models = [answers(labels, generator, accuracy=share, num_classes=3) for share in (0.8, 0.6)]
    return labels, models, clusters


def test_draws_are_those_of_drawing_clusters_one_by_one(pictures):
    labels, models, clusters = pictures
    draws = draw_macro_f1(labels, models, clusters, num_classes=3, seed=0)
    generator = np.random.default_rng(1)
    members = [np.flatnonzero(clusters == cluster) for cluster in range(clusters.max() + 1)]
    expected = []
    for _ in range(2000):
        drawn = np.concatenate(
            [members[i] for i in generator.integers(0, len(members), len(members))]
        )
        there = np.unique(labels[drawn])
        expected.append(
            [
                f1_score(labels[drawn], model[drawn], labels=there, average="macro")
                for model in models
            ]
        )
    expected = np.array(expected).T
    assert draws.mean(axis=1) == pytest.approx(expected.mean(axis=1), abs=0.006)
    assert draws.std(axis=1) == pytest.approx(expected.std(axis=1), rel=0.08)
    # Paired: the same draws for all models.
    assert (draws[0] - draws[1]).std() == pytest.approx((expected[0] - expected[1]).std(), rel=0.08)


def test_each_class_has_draws_of_its_own_and_none_where_it_is_missing():
    labels, clusters = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 2])
    predicted = np.array([0, 1, 1, 1, 1])
    (draws,) = draw_f1(labels, [predicted], clusters, num_classes=3, seed=0)
    assert draws.shape[1] == 3
    assert np.isnan(draws[:, 2]).all()
    # Cluster 0 is drawn or not; where it is, half of it is right and nothing else is taken for 0.
    is_there = np.isfinite(draws[:, 0])
    assert is_there.mean() == pytest.approx(1 - (2 / 3) ** 3, abs=0.02)
    np.testing.assert_allclose(draws[is_there, 0], 2 / 3)
    (macro_f1,) = draw_macro_f1(labels, [predicted], clusters, num_classes=3, seed=0)
    np.testing.assert_allclose(macro_f1, np.nanmean(draws, axis=1))


def test_single_pictures_give_about_the_interval_of_drawing_within_classes(pictures):
    labels, (model, _), _ = pictures
    (draws,) = draw_macro_f1(labels, [model], np.arange(len(labels)), num_classes=3, seed=0)
    confusion = confusion_matrix(labels, model, num_classes=3)
    expected = classification_intervals(confusion, seed=0)["macro_f1"]
    assert percentile_interval(draws) == pytest.approx(expected, abs=0.02)


def test_pictures_that_stand_or_fall_together_are_fewer_proofs():
    labels = np.tile(np.repeat([0, 1], 12), 10)
    clusters = np.repeat(np.arange(20), 12)
    model = np.where(np.isin(clusters, [0, 3, 7]), 1 - labels, labels)
    widths = []
    for of_draw in (np.arange(len(labels)), clusters):
        (draws,) = draw_macro_f1(labels, [model], of_draw, num_classes=2, seed=0)
        low, high = percentile_interval(draws)
        widths.append(high - low)
    assert widths[1] > 2.5 * widths[0]


def test_the_same_seed_gives_the_same_draws_in_blocks_or_at_once(pictures, monkeypatch):
    labels, models, clusters = pictures
    whole = draw_macro_f1(labels, models, clusters, num_classes=3, seed=3, num_draws=500)
    monkeypatch.setattr("artstyle_tf.metrics.clustered._MOST_VALUES_AT_ONCE", 100 * 27)
    parts = draw_macro_f1(labels, models, clusters, num_classes=3, seed=3, num_draws=500)
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.slow
def test_95_percent_intervals_cover_the_truth_of_new_clusters_about_as_often():
    """Painters, of whom each is recognised in all of his pictures or in none."""
    num_classes, truth_of, covered = 3, 0.8, []
    for trial in range(1500):
        generator = np.random.default_rng(trial)
        num_clusters = 120
        label_of = np.arange(num_clusters) % num_classes
        sizes = generator.integers(1, 6, num_clusters)
        known = generator.random(num_clusters) < truth_of
        wrong = (label_of + generator.integers(1, num_classes, num_clusters)) % num_classes
        labels = np.repeat(label_of, sizes)
        model = np.repeat(np.where(known, label_of, wrong), sizes)
        clusters = np.repeat(np.arange(num_clusters), sizes)
        (draws,) = draw_macro_f1(
            labels, [model], clusters, num_classes=num_classes, seed=trial, num_draws=1000
        )
        low, high = percentile_interval(draws)
        covered.append(low <= truth_of <= high)
    # Wrong answers are spread evenly over the other classes, so that F1 is the accuracy.
    assert 0.93 <= np.mean(covered) <= 0.97
