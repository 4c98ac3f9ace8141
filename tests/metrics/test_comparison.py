from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.comparison import (
    PairedComparison,
    compare_models,
    compare_predictions,
    outcome,
    verdict,
)
from artstyle_tf.metrics.exact_tests import holm_adjusted, min_discordant, sign_flip_exact


def some_predictions(seed, *, right=(0.8, 0.7), sizes=(30, 20, 40)):
    """Sample two models that share some of their errors."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    ease, others = generator.random(len(labels)), generator.integers(0, 3, (2, len(labels)))
    predictions = [
        np.where(0.7 * ease + 0.3 * generator.random(len(labels)) < share, labels, wrong)
        for share, wrong in zip(right, others, strict=True)
    ]
    return labels, *predictions


def test_the_interval_is_that_of_a_paired_bootstrap():
    labels, first, second = some_predictions(0)
    ours = compare_predictions(labels, first, second, num_classes=3)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(1500):
        chosen = np.concatenate(
            [generator.choice(m, len(m)) for m in (np.flatnonzero(labels == c) for c in range(3))]
        )
        scores = [
            classification_summary(labels[chosen], predicted[chosen], num_classes=3)["macro_f1"]
            for predicted in (first, second)
        ]
        drawn.append(scores[0] - scores[1])
    assert ours.interval == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.012)
    scores = [
        classification_summary(labels, predicted, num_classes=3)["macro_f1"]
        for predicted in (first, second)
    ]
    assert ours.difference == pytest.approx(scores[0] - scores[1])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_swapping_the_models_swaps_the_signs(seed):
    labels, first, second = some_predictions(seed)
    one, other = (
        compare_predictions(labels, *pair, num_classes=3)
        for pair in ((first, second), (second, first))
    )
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert one.p_value == pytest.approx(other.p_value)
    assert (one.only_first_correct, one.only_second_correct) == (
        other.only_second_correct,
        other.only_first_correct,
    )


def test_the_same_predictions_do_not_differ():
    labels, first, _ = some_predictions(0)
    same = compare_predictions(labels, first, first, num_classes=3)
    low, high = same.interval
    assert low == pytest.approx(-high)
    # As sure as the rule of three: 0 of 90 images differ.
    assert 0.02 < high < 0.05
    assert (same.difference, same.p_value, same.num_discordant) == (0.0, 1.0, 0)
    assert not same.is_significant


def test_pairing_is_more_certain_than_two_intervals():
    labels, first, second = some_predictions(2, right=(0.85, 0.75), sizes=(100, 100, 100))
    paired = compare_predictions(labels, first, second, num_classes=3)
    shuffled = np.concatenate(
        [np.random.default_rng(0).permutation(second[labels == label]) for label in range(3)]
    )
    unpaired = compare_predictions(labels, first, shuffled, num_classes=3)
    assert np.diff(paired.interval) < 0.9 * np.diff(unpaired.interval)


@pytest.mark.slow
def test_equal_models_differ_significantly_about_once_in_twenty():
    apart = []
    for seed in range(300):
        labels, first, second = some_predictions(seed, right=(0.75, 0.75), sizes=(60, 50, 70))
        found = compare_predictions(labels, first, second, num_classes=3)
        apart.append(found.is_significant)
    assert 0.02 <= np.mean(apart) <= 0.09


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (8, 2), (2, 8), (25, 25), (300, 40)])
def test_for_single_images_the_exact_test_is_mcnemars(first, second):
    total = first + second
    expected = 1.0
    if total:
        tail = sum(
            stats.binom.pmf(k, total, 0.5) for k in range(total + 1) if k <= min(first, second)
        )
        expected = min(1.0, 2 * tail)
    found = sign_flip_exact(np.repeat([1, -1, 0], [first, second, 5]))
    assert found == pytest.approx(expected)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_for_clusters_it_counts_all_sign_flips(differences):
    signs = np.array(list(itertools.product((1, -1), repeat=len(differences))))
    sums = np.abs(signs @ np.abs(differences))
    expected = (sums >= abs(sum(differences))).mean()
    assert sign_flip_exact(np.array(differences)) == pytest.approx(expected)


def test_twelve_works_of_one_artist_are_one_observation():
    labels = np.repeat([0, 1], 24)
    clusters = np.repeat(np.arange(4), 12)
    wrong = np.where(clusters == 0, 1 - labels, labels)
    single = compare_models(labels, [labels], [wrong], num_classes=2)
    whole = compare_models(labels, [labels], [wrong], num_classes=2, clusters=clusters)
    assert single.is_significant
    assert (whole.p_value, whole.num_discordant) == (1.0, 1)
    assert "too few groups of images for a verdict" in verdict(whole, "AB", unit="groups of images")
    assert np.diff(whole.interval) > 2 * np.diff(single.interval)


def test_fewer_than_six_images_are_never_significant():
    assert min_discordant(0.05) == 6
    assert 2 * 0.5**5 >= 0.05 > 2 * 0.5**6


def test_one_image_gives_no_verdict():
    """A user reported an interval of -44.4 to -44.4, and a "better" baseline."""
    labels = np.array([0, 0, 0, 0, 1, 2])
    found = compare_predictions(labels, np.array([0, 0, 0, 0, 1, 1]), labels, num_classes=3)
    assert found.difference == pytest.approx(-4 / 9)
    assert found.interval[0] < -0.6
    assert found.interval[1] > 0.1
    assert outcome(found) == "same"
    sentence = verdict(found, ["the trained model", "the baseline"])
    assert "there are too few images for a verdict (the models differ on 1, at least 6" in sentence


def test_interval_and_exact_test_have_to_agree():
    sure = {"num_discordant": 30, "only_first_correct": 20, "only_second_correct": 10}
    both = PairedComparison(0.05, (0.01, 0.09), 0.01, accuracy_difference=0.04, **sure)
    assert outcome(both) == "better"
    unsure = dataclasses.replace(both, p_value=0.2)
    assert "the exact test does not agree with the interval, p = 0.2" in verdict(unsure, "AB")
    assert "do not differ significantly" in verdict(both, "AB", adjusted_p_value=0.06)
    opposite = dataclasses.replace(both, accuracy_difference=-0.04)
    assert "macro-F1 and accuracy do not agree" in verdict(opposite, "AB")
    assert outcome(dataclasses.replace(both, interval=(-0.01, 0.09))) == "same"


def naive_holm(values):
    """Reject from the smallest p-value on, for every level."""
    order = np.argsort(values)
    adjusted = np.empty(len(values))
    for rank, position in enumerate(order):
        adjusted[position] = max((len(values) - i) * values[order[i]] for i in range(rank + 1))
    return np.minimum(adjusted, 1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_adjusts_step_by_step(values):
    named = {f"comparison {i}": value for i, value in enumerate(values)}
    adjusted = holm_adjusted(named)
    assert list(adjusted) == list(named)
    np.testing.assert_allclose(list(adjusted.values()), naive_holm(np.array(values)))


def test_holm_on_a_textbook_example():
    adjusted = holm_adjusted({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@pytest.mark.parametrize(
    ("difference", "interval", "expected"),
    [
        (0.012, (-0.029, 0.051), "do not differ significantly: difference 1.2 points of macro-F1"),
        (0.05, (0.01, 0.09), "A is better than B by 5.0 points of macro-F1, interval 1.0 to 9.0"),
        (-0.05, (-0.09, -0.01), "B is better than A by 5.0 points of macro-F1, interval 1.0 to"),
    ],
)
def test_the_verdict_is_a_sentence(difference, interval, expected):
    comparison = PairedComparison(difference, interval, 0.01, 8, difference, 5, 3)
    assert expected in verdict(comparison, ["A", "B"])


def test_a_table_of_images_is_accepted():
    labels, first, second = (pd.Series(array) for array in some_predictions(1))
    assert compare_predictions(labels, first, second, num_classes=3).p_value <= 1
