from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.macro_f1 import MacroF1


def logits_for(predictions, num_classes):
    return np.eye(num_classes, dtype="float32")[np.asarray(predictions)] * 5


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_it_agrees_with_scikit_learn_over_several_batches(pairs):
    labels, predictions = (list(column) for column in zip(*pairs, strict=True))
    metric = MacroF1(5)
    for start in range(0, len(labels), 7):
        part = slice(start, start + 7)
        metric.update_state(np.array(labels[part]), logits_for(predictions[part], 5))
    expected = f1_score(
        labels, predictions, labels=sorted(set(labels)), average="macro", zero_division=0.0
    )
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_reset_clears_and_no_image_gives_zero():
    metric = MacroF1(3)
    assert float(metric.result()) == 0
    metric.update_state(np.array([0, 1]), logits_for([0, 1], 3))
    assert float(metric.result()) == 1
    metric.reset_state()
    assert float(metric.result()) == 0


def test_a_sample_weight_counts_an_image_several_times():
    labels, predictions, weights = [0, 0, 1, 1], [0, 1, 1, 0], [1, 3, 2, 1]
    metric = MacroF1(2)
    metric.update_state(np.array(labels), logits_for(predictions, 2), sample_weight=weights)
    expected = f1_score(labels, predictions, average="macro", sample_weight=weights)
    assert float(metric.result()) == pytest.approx(expected)


def test_it_works_in_fit_and_evaluate_and_survives_serialization():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    metric = MacroF1(2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.num_classes == 2
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[again])
    x, y = np.eye(2, dtype="float32"), np.array([[0], [1]])
    history = model.fit(x, y, validation_data=(x, y), verbose=0).history
    assert history["val_macro_f1"][0] == pytest.approx(
        f1_score(y[:, 0], model.predict(x, verbose=0).argmax(axis=1), average="macro")
    )


NUM_CLASSES = 4


def random_batch(seed, size, num_classes=NUM_CLASSES):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, size).astype("int32")
    logits = generator.normal(size=(size, num_classes)).astype("float32")
    logits[np.arange(size), labels] += 0.8
    return labels, logits


def oracle(labels, logits, sample_weight=None):
    counted = labels if sample_weight is None else labels[np.asarray(sample_weight) > 0]
    return f1_score(
        labels,
        logits.argmax(axis=1),
        labels=np.unique(counted),
        average="macro",
        zero_division=0.0,
        sample_weight=sample_weight,
    )


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 50), weighted=st.booleans())
@settings(max_examples=40, deadline=None)
def test_result_is_that_of_scikit_learn(seed, size, weighted):
    labels, logits = random_batch(seed, size)
    weights = np.random.default_rng(seed + 1).choice([0.0, 0.5, 2.0], size) if weighted else None
    metric = MacroF1(NUM_CLASSES)
    metric.update_state(labels, logits, sample_weight=weights)
    if weights is not None and not weights.any():
        assert float(metric.result()) == 0.0
    else:
        assert float(metric.result()) == pytest.approx(oracle(labels, logits, weights), abs=1e-6)


def test_batches_add_up_and_reset_clears_them():
    metric = MacroF1(NUM_CLASSES)
    assert float(metric.result()) == 0.0
    batches = [random_batch(seed, size) for seed, size in enumerate((7, 1, 32))]
    for labels, logits in batches:
        metric.update_state(labels, logits)
    whole = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    assert float(metric.result()) == pytest.approx(oracle(*whole), abs=1e-6)
    assert oracle(*whole) != pytest.approx(np.mean([oracle(*batch) for batch in batches]), abs=0.01)
    metric.reset_state()
    assert float(metric.result()) == 0.0
    metric.update_state(*batches[0])
    assert float(metric.result()) == pytest.approx(oracle(*batches[0]), abs=1e-6)


def test_it_is_the_macro_f1_of_the_evaluation_also_where_a_class_is_missing():
    labels, logits = random_batch(5, 60)
    labels[labels == 3] = 0  # class 3 is predicted, but there is no image of it
    assert (logits.argmax(axis=1) == 3).any()
    metric = MacroF1(NUM_CLASSES)
    metric.update_state(labels, logits)
    summary = classification_summary(labels, logits.argmax(axis=1), num_classes=NUM_CLASSES)
    assert float(metric.result()) == pytest.approx(summary["macro_f1"], abs=1e-6)


def test_shapes_of_labels_and_weights():
    labels, logits = random_batch(1, 20)
    weights = np.linspace(0.1, 2, 20).astype("float32")
    expected = oracle(labels, logits, weights)
    for y_true, sample_weight in (
        (labels, weights),
        (labels[:, None], weights[:, None]),
        (labels.astype("float32"), weights),  # Keras casts the labels of some losses
    ):
        metric = MacroF1(NUM_CLASSES)
        metric.update_state(y_true, logits, sample_weight=sample_weight)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    metric = MacroF1(NUM_CLASSES)
    metric.update_state(labels, logits, sample_weight=3.0)
    assert float(metric.result()) == pytest.approx(oracle(labels, logits), abs=1e-6)


def test_wrong_numbers_of_classes_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        MacroF1(1)
    labels, logits = random_batch(1, 20)
    with pytest.raises(ValueError, match=r"y_pred must be \[B, 3\], not \(20, 4\)"):
        MacroF1(3).update_state(labels, logits)


def build_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(NUM_CLASSES)])
    model.compile(
        optimizer="sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[MacroF1(NUM_CLASSES)],
        weighted_metrics=[MacroF1(NUM_CLASSES, name="weighted_macro_f1")],
    )
    return model


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_compile_fit_and_validation(run_eagerly):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, NUM_CLASSES, 45)
    images = generator.normal(size=(45, 6)).astype("float32")
    weights = generator.random(45)
    model = build_model()
    model.run_eagerly = run_eagerly
    history = model.fit(
        images,
        labels,
        sample_weight=weights,
        validation_data=(images, labels, weights),
        batch_size=8,  # the last batch is smaller
        epochs=2,
        verbose=0,
    ).history
    assert {"macro_f1", "weighted_macro_f1", "val_macro_f1"} <= set(history)
    logits = model.predict(images, verbose=0)
    assert history["val_macro_f1"][-1] == pytest.approx(oracle(labels, logits), abs=1e-6)
    assert history["val_weighted_macro_f1"][-1] == pytest.approx(
        oracle(labels, logits, weights), abs=1e-6
    )


def test_it_is_saved_with_its_model(tmp_path):
    metric = MacroF1(7, name="another")
    restored = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert isinstance(restored, MacroF1)
    assert restored.get_config() == metric.get_config()
    assert keras.saving.get_registered_name(MacroF1) == "artstyle_tf>MacroF1"

    model = build_model()
    images, labels = np.ones((4, 6), "float32"), np.arange(4)
    model.fit(images, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(images, labels, verbose=0, return_dict=True) == pytest.approx(
        model.evaluate(images, labels, verbose=0, return_dict=True)
    )


@pytest.mark.parametrize("backend", ["jax"])
def test_it_runs_on_another_backend_without_tensorflow(backend):
    pytest.importorskip(backend)
    program = """
import sys
import numpy as np
from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
from artstyle_tf.metrics.macro_f1 import MacroF1
metric = MacroF1(3)
labels, logits = np.array([0, 1, 2, 2]), np.eye(3, dtype="float32")[[0, 1, 2, 1]]
metric.update_state(labels, logits)
loss = LogitAdjustedCrossEntropy([1, 1, 2])(labels, logits)
assert "tensorflow" not in sys.modules
print(float(metric.result()), float(loss))
"""
    environment = {**os.environ, "KERAS_BACKEND": backend}
    finished = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    score, loss = map(float, finished.stdout.split())
    assert score == pytest.approx((1 + 2 / 3 + 2 / 3) / 3, abs=1e-6)
    assert 0 < loss < 2
