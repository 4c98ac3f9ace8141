from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from artstyle_tf.metrics.acceptance_threshold import (
    min_accepted,
    risk_coverage,
    threshold_for_accuracy,
)
from artstyle_tf.metrics.calibration import (
    calibrate,
    calibration_intervals,
    calibration_summary,
    fit_temperature,
    probabilities_of,
    reliability,
)


def some_logits(count=3000, temperature=1.0, seed=0):
    """Sample labels from softmax(logits / temperature), the true temperature."""
    generator = np.random.default_rng(seed)
    logits = 2.0 * generator.normal(size=(count, 4))
    probabilities = probabilities_of(logits, temperature).astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.array([generator.choice(4, p=row) for row in probabilities])
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_generated_the_labels_is_found(temperature):
    logits, labels = some_logits(temperature=temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.12)


def test_no_other_temperature_makes_the_labels_likelier():
    logits, labels = some_logits(count=200, temperature=1.7)
    best = fit_temperature(logits, labels)

    def loss(temperature):
        return calibration_summary(probabilities_of(logits, temperature), labels)["log_loss"]

    assert all(loss(best) <= loss(best * factor) + 1e-9 for factor in (0.8, 0.97, 1.03, 1.2))


def test_a_model_that_is_never_wrong_keeps_a_finite_temperature():
    logits = 10.0 * np.eye(4)
    assert 0.04 < fit_temperature(logits, np.arange(4)) < 20.1
    assert 0.04 < fit_temperature(logits, np.arange(4)[::-1]) < 20.1


def test_a_temperature_improves_the_calibration_and_changes_no_prediction():
    logits, labels = some_logits(temperature=3.0)
    before, after = (probabilities_of(logits, t) for t in (1.0, fit_temperature(logits, labels)))
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    errors = [
        calibration_summary(probabilities, labels)["expected_calibration_error"]
        for probabilities in (before, after)
    ]
    assert errors[0] > 0.15
    assert errors[1] < 0.04


def naive_calibration_error(probabilities, labels, num_bins=15):
    error = 0.0
    for number in range(num_bins):
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(probabilities, labels, strict=True)
            if number / num_bins < row.max() <= (number + 1) / num_bins
        ]
        if inside:
            confidence, right = np.mean(inside, axis=0)
            error += len(inside) / len(labels) * abs(confidence - right)
    return error


def test_figures_are_those_of_loops_and_of_scikit_learn():
    logits, labels = some_logits(count=300)
    probabilities = probabilities_of(logits, 0.7)
    summary = calibration_summary(probabilities, labels)
    assert summary["expected_calibration_error"] == pytest.approx(
        naive_calibration_error(probabilities, labels), abs=1e-6
    )
    assert summary["log_loss"] == pytest.approx(metrics.log_loss(labels, probabilities), abs=1e-5)
    brier = np.mean(
        [((row - np.eye(4)[y]) ** 2).sum() for row, y in zip(probabilities, labels, strict=True)]
    )
    assert summary["brier_score"] == pytest.approx(brier, abs=1e-6)
    bins = reliability(probabilities, labels)
    assert bins["count"].sum() == 300
    assert (
        (bins["lower"] < bins["confidence"]) & (bins["confidence"] <= bins["upper"] + 1e-9)
    ).all()


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 1000))
def test_coverage_and_accuracy_are_those_of_accepting_above_the_threshold(count, seed):
    generator = np.random.default_rng(seed)
    probabilities = generator.integers(1, 5, (count, 3)).astype(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = generator.integers(0, 3, count)
    curve = risk_coverage(probabilities, labels)
    for row in curve.itertuples():
        answered = probabilities.max(axis=1) >= row.threshold
        assert row.coverage == pytest.approx(answered.mean())
        right = probabilities.argmax(axis=1) == labels
        assert row.accuracy == pytest.approx(right[answered].mean())
    assert curve["coverage"].is_monotonic_increasing
    assert curve["coverage"].iloc[-1] == 1


def test_the_threshold_has_the_largest_coverage():
    logits, labels = some_logits()
    probabilities = probabilities_of(logits)
    threshold, coverage = threshold_for_accuracy(probabilities, labels, accuracy=0.9)
    answered = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    assert coverage == pytest.approx(answered.mean())
    assert right[answered].mean() >= 0.9
    lower = probabilities.max(axis=1) >= threshold - 0.02
    assert right[lower].mean() < 0.905
    assert threshold_for_accuracy(probabilities, (labels + 1) % 4, accuracy=0.9)[1] < 0.05


def test_an_accuracy_out_of_reach_accepts_nothing():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert threshold_for_accuracy(probabilities, np.array([1, 1]), accuracy=0.5) == (np.inf, 0.0)


@pytest.mark.parametrize(("accuracy", "count"), [(0.95, 59), (0.9, 29), (0.99, 299), (0.5, 5)])
def test_an_accuracy_is_claimed_from_that_many_accepted_predictions_on(accuracy, count):
    assert min_accepted(accuracy) == count
    # So many right ones in a row are rarer than 5 % if fewer are right, one less is not.
    assert accuracy**count <= 0.05 < accuracy ** (count - 1)
    for number, is_claimed in ((count - 1, False), (count, True)):
        probabilities = np.tile([0.9, 0.1], (number, 1))
        labels = np.zeros(number, int)
        found = calibrate(probabilities, labels, temperature=1.0, target_accuracy=accuracy)
        assert (found.threshold is not None) == is_claimed
        assert (found.reason is None) == is_claimed
        assert found.accepts(np.array([0.95])) == [is_claimed]


@pytest.mark.parametrize(
    ("accuracy", "num_right", "num_wrong", "reason"),
    [
        (0.95, 20, 0, "20 validation images are too few"),
        (1.0, 900, 0, "no number of validation images can show an accuracy of 100%"),
        (0.95, 0, 90, "no confidence reaches an accuracy of 0.95 on the validation images"),
        (0.95, 40, 90, "reached only among the 42 most confident validation images"),
    ],
)
def test_without_a_threshold_there_is_a_reason(accuracy, num_right, num_wrong, reason):
    confidences = np.linspace(0.99, 0.6, num_right + num_wrong)
    probabilities = np.stack([confidences, 1 - confidences], axis=1)
    labels = np.repeat([0, 1], [num_right, num_wrong])
    found = calibrate(probabilities, labels, temperature=1.0, target_accuracy=accuracy)
    assert (found.threshold, found.coverage) == (None, 0.0)
    assert reason in found.reason
    assert not found.accepts(confidences).any()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(0, 1000), st.booleans())
def test_intervals_have_a_width_and_hold_their_figure(count, seed, is_uniform):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([0.3] * 3, count)
    if is_uniform:
        probabilities = np.full((count, 3), 1 / 3)
    labels = generator.integers(0, 3, count)
    scores = calibration_summary(probabilities, labels)
    for name, (low, high) in calibration_intervals(probabilities, labels).items():
        assert 0 <= low < high
        assert low - 1e-9 <= scores[name] <= high + 1e-9


def test_a_well_calibrated_model_may_have_no_error():
    lows = []
    for seed in range(40):
        logits, labels = some_logits(count=100, seed=seed)
        found = calibration_intervals(probabilities_of(logits), labels)
        lows.append(found["expected_calibration_error"][0])
    # Chance moves every bin: with the bias that the bins suggest, one in four lay above 0.002.
    assert np.mean(np.array(lows) > 0.002) <= 0.05


def test_with_many_images_intervals_are_those_of_a_bootstrap():
    logits, labels = some_logits(count=3000, temperature=2.0)
    probabilities = probabilities_of(logits)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(300):
        chosen = generator.integers(0, 3000, 3000)
        drawn.append(list(calibration_summary(probabilities[chosen], labels[chosen]).values()))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    found = calibration_intervals(probabilities, labels)
    assert list(found) == list(calibration_summary(probabilities, labels))
    np.testing.assert_allclose(list(found.values()), np.stack([low, high], axis=1), atol=0.025)
