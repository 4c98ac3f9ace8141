from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy

COUNTS = [255, 45, 100]


def naive(labels, logits, counts, tau, smoothing):
    """The formula, one picture and one class at a time."""
    losses = []
    for label, row in zip(labels, logits, strict=True):
        adjusted = [
            value + tau * np.log(count / sum(counts))
            for value, count in zip(row, counts, strict=True)
        ]
        log_sum = np.log(np.sum(np.exp(np.array(adjusted, dtype="float64"))))
        loss = 0.0
        for number, value in enumerate(adjusted):
            target = (1 - smoothing) * (number == label) + smoothing / len(counts)
            loss -= target * (value - log_sum)
        losses.append(loss)
    return np.mean(losses)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000),
    tau=st.floats(0, 2),
    smoothing=st.floats(0, 0.5),
    size=st.integers(1, 9),
)
def test_it_agrees_with_the_formula(seed, tau, smoothing, size):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, size)
    logits = generator.normal(0, 3, (size, 3)).astype("float32")
    loss = LogitAdjustedCrossEntropy(COUNTS, tau=tau, label_smoothing=smoothing)
    expected = naive(labels, logits, COUNTS, tau, smoothing)
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_without_adjustment_and_smoothing_it_is_keras_cross_entropy():
    labels, logits = np.array([0, 2, 1]), np.array([[1, 2, 3], [0, -1, 4], [2, 2, 2]], "float32")
    ours = LogitAdjustedCrossEntropy(COUNTS, tau=0)(labels, logits)
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_huge_logits_stay_finite():
    logits = np.array([[1e4, -1e4, 0.0]], "float32")
    loss = LogitAdjustedCrossEntropy(COUNTS)
    assert np.isfinite(float(loss(np.array([1]), logits)))


def test_labels_may_be_a_column_and_weights_are_honoured():
    logits = np.array([[1, 2, 3], [0, -1, 4]], "float32")
    loss = LogitAdjustedCrossEntropy(COUNTS)
    flat = float(loss(np.array([0, 2]), logits))
    assert float(loss(np.array([[0], [2]]), logits)) == pytest.approx(flat)
    first = float(loss(np.array([0]), logits[:1]))
    weighted = float(loss(np.array([0, 2]), logits, sample_weight=np.array([2.0, 0.0])))
    assert weighted == pytest.approx(first)


def test_a_rare_class_needs_a_larger_margin():
    loss = LogitAdjustedCrossEntropy(COUNTS, tau=1.0)
    even = np.zeros((1, 3), "float32")
    assert float(loss(np.array([1]), even)) > float(loss(np.array([0]), even))


def test_it_survives_serialisation():
    loss = LogitAdjustedCrossEntropy(COUNTS, tau=0.5, label_smoothing=0.1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()
