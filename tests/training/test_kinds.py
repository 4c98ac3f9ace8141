"""The kinds of training that folds and trials choose from."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, DirectExperiment
from artstyle_tf.models.network import build_classifier
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training import direct
from artstyle_tf.training.direct import DirectTraining
from artstyle_tf.training.job import TRAININGS, build_network
from artstyle_tf.trunk_cache.cache_decision import CacheDecision


def test_every_kind_that_a_config_may_have_can_be_trained():
    assert set(TRAININGS) == set(TRAINING_EXPERIMENTS)


@pytest.mark.parametrize("kind", TRAINING_EXPERIMENTS)
def test_a_network_is_checked_without_images(kind, tiny_network_by_name):
    content = {
        "model": {"backbone": "tiny", "weights": None, "image_size_px": 32},
        "training": {"phases": ({"unfreeze_blocks": 3, "epochs": 1, "learning_rate": 0.1},)},
    }
    config = TRAINING_EXPERIMENTS[kind].model_validate(content)
    with pytest.raises(ArtstyleError, match=r"training\.phases\.0\.unfreeze_blocks=3"):
        build_network(config, num_classes=2)


def test_reading_a_baseline_that_was_never_fitted_raises(tiny_backbone):
    decision = CacheDecision(use=False, reason="none")
    training = DirectTraining(
        DirectExperiment(), tiny_backbone(), {}, None, decision, ["a", "b"], Invocation()
    )
    with pytest.raises(RuntimeError, match="fitted by `train` without"):
        _ = training.baseline


class _Inputs:
    """Outputs of three images, and a note of each request."""

    def __init__(self):
        self.asked = []

    def outputs(self, split, description=None):
        self.asked.append(split)
        return np.float32([[2, 0], [0, 1], [1, 0]])


def test_outputs_are_computed_once_unless_the_head_is_fitted_again(
    tiny_backbone, monkeypatch, tmp_path
):
    inputs, decision = _Inputs(), CacheDecision(use=False, reason="none")
    splits = {"val": SimpleNamespace(labels=np.array([0, 1, 1]))}
    training = DirectTraining(
        DirectExperiment(), tiny_backbone(), splits, inputs, decision, ["a", "b"], Invocation()
    )
    training.calibrate()
    assert inputs.asked == ["val"]
    training.first_features, training._baseline = {"train": None}, object()
    monkeypatch.setattr(training, "network", SimpleNamespace(features=SimpleNamespace(groups=())))
    monkeypatch.setattr(training, "choose_probe", lambda features: None)
    monkeypatch.setattr(direct, "refit_head", lambda *_: (None, None, object()))
    monkeypatch.setattr(direct, "assign_head", lambda *_: None)
    training.refit(RunDirectory(tmp_path, tmp_path))
    training.probabilities("val", 1.0)
    assert inputs.asked == ["val", "val"]


def test_without_phases_outputs_are_those_of_the_head_for_known_features(tiny_backbone):
    keras.utils.set_random_seed(0)
    backbone = tiny_backbone()
    network = build_classifier(backbone, num_classes=2, dropout=0.5, seed=0)
    pixels = np.random.default_rng(0).uniform(0, 255, (3, *backbone.model.input_shape[1:]))
    config = DirectExperiment.model_validate({"training": {"phases": ()}})
    decision = CacheDecision(use=False, reason="none")
    training = DirectTraining(config, network, {}, None, decision, ["a", "b"], Invocation())
    to_features = keras.Model(network.model.input, network.features.tensor)
    training.first_features = {"val": np.asarray(to_features(pixels, training=False))}
    expected = np.asarray(network.model(pixels, training=False))
    np.testing.assert_allclose(training.outputs("val"), expected, atol=1e-5)
