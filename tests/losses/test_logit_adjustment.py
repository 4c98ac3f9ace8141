from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
from artstyle_tf.system.errors import ArtstyleError

COUNTS = [255, 45, 100]


def naive(labels, logits, counts, tau, smoothing):
    """Compute the formula one image and one class at a time."""
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


def test_labels_may_be_a_column_and_weights_count():
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


def test_it_survives_serialization():
    loss = LogitAdjustedCrossEntropy(COUNTS, tau=0.5, label_smoothing=0.1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


UNEVEN_COUNTS = [400, 7, 30, 90]


def random_batch(seed=0, size=40, scale=3.0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, len(UNEVEN_COUNTS), size).astype("int32")
    return labels, generator.normal(scale=scale, size=(size, len(UNEVEN_COUNTS))).astype("float32")


def test_without_adjustment_it_is_the_cross_entropy_of_keras():
    labels, logits = random_batch(1)
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    ours = LogitAdjustedCrossEntropy(UNEVEN_COUNTS, tau=0.0, reduction=None)
    np.testing.assert_allclose(ours(labels, logits), plain(labels, logits), rtol=1e-5, atol=1e-6)
    smoothed = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.2, reduction=None
    )
    ours = LogitAdjustedCrossEntropy(UNEVEN_COUNTS, tau=0.0, label_smoothing=0.2, reduction=None)
    one_hot = np.eye(len(UNEVEN_COUNTS), dtype="float32")[labels]
    np.testing.assert_allclose(ours(labels, logits), smoothed(one_hot, logits), rtol=1e-5)


def test_two_classes_as_in_the_paper():
    loss = LogitAdjustedCrossEntropy([900, 100], tau=1.5)
    expected = math.log1p((900 / 100) ** 1.5 * math.exp(0.3 - 1.1))
    assert float(loss(np.array([1]), np.array([[0.3, 1.1]], "float32"))) == pytest.approx(expected)


def test_equal_counts_and_scaled_counts():
    labels, logits = random_batch(2)
    plain = LogitAdjustedCrossEntropy(UNEVEN_COUNTS, tau=0.0)(labels, logits)
    equal = LogitAdjustedCrossEntropy([5] * 4, tau=1.0)(labels, logits)
    assert float(equal) == pytest.approx(float(plain), rel=1e-5)
    from_counts = LogitAdjustedCrossEntropy(UNEVEN_COUNTS)(labels, logits)
    priors = [count / sum(UNEVEN_COUNTS) for count in UNEVEN_COUNTS]
    assert float(LogitAdjustedCrossEntropy(priors)(labels, logits)) == pytest.approx(
        float(from_counts), rel=1e-6
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_large_logits_stay_finite(size, smoothing):
    logits = np.array([[size, -size, 0, 0], [-size, -size, -size, -size]], "float32")
    loss = LogitAdjustedCrossEntropy(UNEVEN_COUNTS, label_smoothing=smoothing, reduction=None)
    losses = ops.convert_to_numpy(loss(np.array([1, 2]), logits))
    assert np.isfinite(losses).all()
    assert losses[0] == pytest.approx(2 * size, rel=0.1)


def gradient(loss, labels, logits):
    """Compute central differences, so that the test does not use TensorFlow either."""
    step = 1e-2
    slopes = np.zeros_like(logits)
    for position in np.ndindex(logits.shape):
        shifted = np.zeros_like(logits)
        shifted[position] = step
        difference = loss(labels, logits + shifted) - loss(labels, logits - shifted)
        slopes[position] = float(difference) / (2 * step)
    return slopes


def test_rare_classes_have_larger_gradients():
    logits = np.zeros((1, 4), "float32")
    loss = LogitAdjustedCrossEntropy(UNEVEN_COUNTS)
    frequent = gradient(loss, np.array([0]), logits)[0, 0]
    rare = gradient(loss, np.array([1]), logits)[0, 1]
    total = sum(UNEVEN_COUNTS)
    assert frequent == pytest.approx(400 / total - 1, abs=1e-2)  # softmax of the log priors
    assert rare == pytest.approx(7 / total - 1, abs=1e-2)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_it_balances_a_classifier_without_information(tau):
    """Without features the best logits of all images are (1 - tau) log priors: even for tau 1."""
    labels = np.repeat(np.arange(4), UNEVEN_COUNTS)
    loss = LogitAdjustedCrossEntropy(UNEVEN_COUNTS, tau=tau)

    def mean_loss(shared_logits):
        return float(loss(labels, np.tile(shared_logits, (len(labels), 1)).astype("float32")))

    best = (1 - tau) * np.log(np.array(UNEVEN_COUNTS) / sum(UNEVEN_COUNTS))
    for number in range(4):
        for shift in (-0.3, 0.3):
            assert mean_loss(best + shift * np.eye(4)[number]) > mean_loss(best)


def test_it_is_saved_with_its_model(tmp_path):
    loss = LogitAdjustedCrossEntropy(
        np.array(UNEVEN_COUNTS), tau=0.7, label_smoothing=0.05, name="mine", reduction="sum"
    )
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(restored, LogitAdjustedCrossEntropy)
    assert restored.get_config() == loss.get_config()
    labels, logits = random_batch(4)
    assert float(restored(labels, logits)) == float(loss(labels, logits))

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    model.compile("sgd", loss)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()


def test_bad_arguments_are_refused():
    with pytest.raises(ArtstyleError, match="none of class number 1"):
        LogitAdjustedCrossEntropy([3, 0, 5])
    with pytest.raises(ValueError, match="label_smoothing"):
        LogitAdjustedCrossEntropy(UNEVEN_COUNTS, label_smoothing=1.0)
    for tau in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tau"):
            LogitAdjustedCrossEntropy(UNEVEN_COUNTS, tau=tau)
    for counts in ([1, -2], [1, float("nan")], [4]):
        with pytest.raises(ValueError, match="class_counts"):
            LogitAdjustedCrossEntropy(counts)
    labels, logits = random_batch()
    with pytest.raises(ValueError, match=r"\[B, 3\], not \(40, 4\)"):
        LogitAdjustedCrossEntropy([1, 2, 3])(labels, logits)


def test_a_class_without_images_is_allowed_without_adjustment():
    labels, logits = random_batch()
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    ours = LogitAdjustedCrossEntropy([3, 0, 5, 1], tau=0.0)(labels, logits)
    assert float(ours) == pytest.approx(float(plain), rel=1e-6)
