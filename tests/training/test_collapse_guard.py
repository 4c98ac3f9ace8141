from __future__ import annotations

import io
import json
import re

import keras
import numpy as np
import pytest

from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.callbacks.collapse_guard import CollapseGuard
from artstyle_tf.training.settings import CollapseGuardConfig

GOOD = {
    "loss": 0.1,
    "mean_distance": 1.2,
    "active_triplets": 0.1,
    "embedding_rank": 8.0,
    "val_macro_f1": 0.8,
}

BROKEN = {
    "not a number": ({"loss": float("nan")}, "not finite"),
    "no embedding": ({"mean_distance": float("nan")}, "not finite"),
    "one point": ({"mean_distance": 0.01}, "mean distance between images is 0.01"),
    "one line": ({"embedding_rank": 1.1}, r"fill 1\.1 dimensions .at least 2\.1 expected"),
    "loss is the margin": ({"loss": 0.199, "active_triplets": 1.0}, "that of a single point"),
    "score fell": ({"val_macro_f1": 0.4}, r"fell from 0\.800 to 0\.400"),
}


@pytest.fixture
def network():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(loss="mse")
    return model


def make_guard(network, stream=None, *, num_classes=8, **settings):
    reporter = Reporter(stream or io.StringIO())
    settings = CollapseGuardConfig(**settings)
    guard = CollapseGuard(network, settings, num_classes=num_classes, reporter=reporter)
    guard.set_model(network)
    guard.margin = 0.2
    guard.on_train_begin()
    return guard


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_each_sign_of_a_collapse_is_an_alarm(network, change, message):
    guard = make_guard(network)
    for epoch, (logs, expected) in enumerate([(dict(GOOD), None), ({**GOOD, **change}, message)]):
        guard.on_epoch_end(epoch, logs)
        assert ("alarm" in logs) == (expected is not None)
    assert re.search(message, logs["alarm"])


@pytest.mark.parametrize(
    ("margin", "loss", "active"), [(None, 0.2, 1.0), (0.2, 0.4, 1.0), (0.2, 0.2, 0.5)]
)
def test_a_loss_that_is_only_high_or_has_no_margin_is_no_collapse(network, margin, loss, active):
    guard = make_guard(network)
    guard.margin = margin
    logs = {**GOOD, "loss": loss, "active_triplets": active}
    guard.on_epoch_end(0, logs)
    assert "alarm" not in logs


def test_an_embedding_that_was_always_narrow_is_not_collapsed(network):
    """Happens after a random projection."""
    guard = make_guard(network)
    guard.start_from({"val_macro_f1": 0.2, "mean_distance": 0.26})
    narrow, narrower = {**GOOD, "mean_distance": 0.2}, {**GOOD, "mean_distance": 0.12}
    guard.on_epoch_end(0, narrow)
    guard.on_epoch_end(1, narrower)
    assert "alarm" not in narrow
    assert "0.12 (at least 0.13 expected)" in narrower["alarm"]


def test_two_classes_need_one_dimension_only(network):
    guard = make_guard(network, num_classes=2)
    logs = {**GOOD, "embedding_rank": 1.0}
    guard.on_epoch_end(0, logs)
    assert "alarm" not in logs


def test_an_alarm_restores_the_last_good_weights_and_stops_fit(network):
    stream = io.StringIO()
    guard = make_guard(network, stream)
    network.set_weights([np.full((2, 2), 1.0), np.zeros(2)])
    guard.on_epoch_end(0, dict(GOOD))
    network.set_weights([np.full((2, 2), 9.0), np.zeros(2)])
    logs = {**GOOD, "mean_distance": 0.0}
    guard.on_epoch_end(1, logs)
    np.testing.assert_array_equal(network.get_weights()[0], 1.0)
    assert network.stop_training
    assert guard.requests_restart
    assert guard.learning_rate_factor == 0.5
    assert "mean distance" in logs["alarm"]
    assert "Epoch 2 collapsed" in stream.getvalue()
    assert "last good ones" in stream.getvalue()


def test_a_collapse_in_the_first_epoch_restores_the_start(network):
    guard = make_guard(network)
    before = network.get_weights()
    network.set_weights([np.full((2, 2), 9.0), np.zeros(2)])
    guard.on_epoch_end(0, {**GOOD, "loss": float("inf")})
    np.testing.assert_array_equal(network.get_weights()[0], before[0])


def test_it_gives_up_with_a_reason(network):
    guard = make_guard(network, max_alarms=2)
    for epoch in range(3):
        assert guard.reason_to_stop is None
        guard.on_train_begin()
        guard.on_epoch_end(epoch, {**GOOD, "embedding_rank": 1.0})
    assert "collapsed 3 times" in guard.reason_to_stop
    assert not guard.requests_restart


def test_the_best_score_is_that_of_good_epochs_and_of_the_start(network):
    guard = make_guard(network)
    guard.start_from({"val_macro_f1": 0.9, "mean_distance": 1.3})
    logs = {**GOOD, "val_macro_f1": 0.5}
    guard.on_epoch_end(0, logs)
    assert "alarm" in logs


def test_its_state_survives_json(network):
    guard = make_guard(network)
    guard.on_epoch_end(0, dict(GOOD))
    guard.on_epoch_end(1, {**GOOD, "loss": float("nan")})
    again = make_guard(network)
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.state() == guard.state()
    assert again.learning_rate_factor == 0.5
