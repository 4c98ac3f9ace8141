from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

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
    expected = f1_score(labels, predictions, average="macro", zero_division=0.0)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_reset_forgets_and_nothing_seen_is_zero():
    metric = MacroF1(3)
    assert float(metric.result()) == 0
    metric.update_state(np.array([0, 1]), logits_for([0, 1], 3))
    assert float(metric.result()) == 1
    metric.reset_state()
    assert float(metric.result()) == 0


def test_a_sample_weight_counts_a_picture_several_times():
    labels, predictions, weights = [0, 0, 1, 1], [0, 1, 1, 0], [1, 3, 2, 1]
    metric = MacroF1(2)
    metric.update_state(np.array(labels), logits_for(predictions, 2), sample_weight=weights)
    expected = f1_score(labels, predictions, average="macro", sample_weight=weights)
    assert float(metric.result()) == pytest.approx(expected)


def test_it_works_in_fit_and_evaluate_and_survives_serialisation():
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
