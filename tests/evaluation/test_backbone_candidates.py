"""Names of candidates, and the settings that choose one."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from artstyle_tf.config.base import RunName, Schema
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.evaluation.backbone_candidates import candidates_of, names_of, settings_line
from artstyle_tf.evaluation.settings import CompareBackbonesExperiment
from artstyle_tf.models.settings import ModelConfig, StyleHeadConfig


class Named(Schema):
    name: RunName


def model(backbone="efficientnet_b0", size=224, **settings):
    return ModelConfig(backbone=backbone, image_size_px=size, **settings)


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (
            [model(), model(size=320), model("compact", 64, weights="demo", head="pooled")],
            ["efficientnet_b0-224px", "efficientnet_b0-320px", "compact-64px"],
        ),
        (
            [model(), model(head="pooled"), model(size=320)],
            [
                "efficientnet_b0-224px-style",
                "efficientnet_b0-224px-pooled",
                "efficientnet_b0-320px",
            ],
        ),
        (
            [model(), model(weights=None), model(weights="my files/best one.weights.h5")],
            [f"efficientnet_b0-224px-{word}" for word in ("pretrained", "random", "best-one")],
        ),
        (
            [model(weights="a/x.h5"), model(weights="b/X.h5"), model(weights="c/.h5")],
            [f"efficientnet_b0-224px-{word}" for word in ("x", "X-2", "file")],
        ),
        (
            [model(backbone="hub:dinov2_small"), model(backbone="hub:./presets/my vit/")],
            ["hub-dinov2_small-224px", "my-vit-224px"],
        ),
        (
            [model(), model(style=StyleHeadConfig(width=24)), model(dropout=0.5)],
            ["efficientnet_b0-224px", "efficientnet_b0-224px-2", "efficientnet_b0-224px-3"],
        ),
    ],
)
def test_names_are_short_different_and_valid_for_folders(models, names):
    assert names_of(models) == names
    for name in names:
        Named(name=name)


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (model(size=320), "model.backbone=efficientnet_b0 model.image_size_px=320"),
        (
            model("compact", 64, weights="demo", head="pooled"),
            "model.backbone=compact model.weights=demo model.image_size_px=64 model.head=pooled",
        ),
        (
            model(weights=None, style=StyleHeadConfig(width=24)),
            "model.backbone=efficientnet_b0 model.weights=null model.image_size_px=224 "
            "model.style.width=24",
        ),
        (model(weights="it's: one.h5", dropout=0.5), None),
        (model(weights="null"), None),
    ],
)
def test_the_settings_choose_the_same_network(chosen, line):
    found = settings_line(chosen)
    assert line in (None, found)
    assert load_config(DirectExperiment, None, shlex.split(found)).model == chosen


def test_candidates_are_frozen_and_share_cache_and_folds():
    config = load_config(
        CompareBackbonesExperiment,
        None,
        ["outputs=here", "seed=7", "training.linear_probe.alpha=auto", "training.batch_size=8"],
    )
    candidates = candidates_of(config, Path("here/backbones/first"))
    assert [each.model for each in candidates] == list(config.candidates)
    for each in candidates:
        training = each.experiment.training
        assert training.phases == ()
        assert (training.linear_probe.alpha, training.batch_size) == ("auto", 8)
        assert training.trunk_cache.folder == "here/trunk_cache"
        assert (each.experiment.seed, each.experiment.cross_validation) == (
            7,
            config.cross_validation,
        )
        assert each.run_directory.path == Path("here/backbones/first/cross_validation", each.name)
