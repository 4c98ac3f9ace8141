"""The kinds of training that folds and trials choose from."""

from __future__ import annotations

import pytest

from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, DirectExperiment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
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
