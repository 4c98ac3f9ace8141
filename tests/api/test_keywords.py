from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artstyle_tf.api.keywords import config_from_keywords
from artstyle_tf.config.experiment import DirectExperiment, TripletExperiment
from artstyle_tf.evaluation.settings import EvaluateExperiment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS


def config(schema=DirectExperiment, /, **keywords):
    return config_from_keywords(schema, {}, keywords)


def test_without_keywords_the_defaults_of_the_schema_are_taken():
    assert config() == DirectExperiment()
    assert config(TripletExperiment) == TripletExperiment()


def test_the_last_part_of_a_key_is_enough_where_it_is_unique():
    made = config(backbone="compact", weight_decay=1e-4, group_pattern="^(.)", seed=7)
    assert made.model.backbone == "compact"
    assert made.training.optimizer.weight_decay == 1e-4
    assert made.data.group_pattern == "^(.)"
    assert made.seed == 7
    assert made.data.split == DirectExperiment().data.split


def test_a_section_changes_only_the_keys_it_names():
    made = config(model={"dropout": 0.3}, training={"optimizer": {"clip_norm": None}})
    usual = DirectExperiment()
    assert made.model == usual.model.model_copy(update={"dropout": 0.3})
    assert made.training.optimizer.clip_norm is None
    assert made.training.optimizer.weight_decay == usual.training.optimizer.weight_decay


def test_dotted_keys_and_lists():
    phases = [{"unfreeze_blocks": 2, "epochs": 3, "learning_rate": 1e-4}]
    made = config(phases=phases, **{"data.views.num_views": 3})
    assert made.training.phases[0].epochs == 3
    assert made.data.views is not None
    assert made.data.views.num_views == 3


def test_paths_and_numpy_numbers_are_plain_values():
    made = config(images=Path("a") / "b", seed=np.int64(3))
    assert made.data.images == "a/b"
    assert made.seed == 3


def test_a_search_space_is_one_value():
    space = {"training.batch_size": {"type": "categorical", "choices": [16, 32]}}
    made = config(TUNE_EXPERIMENTS["direct"], space=space)
    assert list(made.tuning.space) == ["training.batch_size"]


def test_what_the_function_sets_wins():
    made = config_from_keywords(EvaluateExperiment, {"run": "mine"}, {"run": "other"})
    assert made.run == "mine"


@pytest.mark.parametrize(
    ("keywords", "suggestion"),
    [
        ({"bakbone": "compact"}, "no setting called bakbone.*did you mean backbone"),
        ({"zzz": 1}, "no setting called zzz"),
        ({"policy": "flip"}, "is ambiguous.*data.upsampling.policy"),
        ({"image_size_px": "large"}, "model.image_size_px='large'"),
        ({"model": {"bakbone": "x"}}, "unknown key 'model.bakbone'.*did you mean"),
        ({"training.optimizer.weight_dcay": 1.0}, "did you mean"),
    ],
)
def test_wrong_keywords_suggest_the_right_ones(keywords, suggestion):
    with pytest.raises(ArtstyleError, match=suggestion):
        config(**keywords)
