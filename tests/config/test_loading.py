from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from artstyle_tf.config import loading
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import different_keys, dump_yaml, load_config
from artstyle_tf.system.errors import ArtstyleError


def load(*overrides: str) -> DirectExperiment:
    return load_config(DirectExperiment, None, overrides)


def message_of(*overrides: str) -> str:
    with pytest.raises(ArtstyleError) as raised:
        load(*overrides)
    return str(raised.value)


def test_a_dumped_config_loads_to_an_equal_config(tmp_path):
    config = load(
        "training.phases=[{unfreeze_blocks: all, epochs: 2, learning_rate: 1e-4}]",
        "data.upsampling={policy: strong}",
        "data.group_pattern='^([^_]+)_'",
        "run_name='2024'",
    )
    file = tmp_path / "config.yaml"
    file.write_text(dump_yaml(config))
    assert load_config(DirectExperiment, file) == config


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("0.001", 0.001), ("1", 1.0), ("'2.5E2'", 250.0)]
)
def test_floats_are_read_leniently(text, value):
    phases = f"training.phases=[{{unfreeze_blocks: 0, epochs: 1, learning_rate: {text}}}]"
    assert load(phases).training.phases[0].learning_rate == value


@given(st.floats(min_value=1e-12, max_value=1e6))
def test_any_float_survives_an_override(value):
    config = load(f"training.linear_probe.C={value!r}")
    assert math.isclose(config.training.linear_probe.C, value)


@pytest.mark.parametrize(
    "override",
    ["seed='1'", "seed=1.5", "seed=true", "data.images=3", "data.demo_set=1", "model.dropout=.nan"],
)
def test_everything_but_floats_is_read_strictly(override):
    assert override.partition("=")[0] in message_of(override)


def test_an_unknown_key_suggests_the_nearest_one():
    assert "did you mean 'model.backbone'?" in message_of("model.bacbone=efficientnet_b0")
    assert "did you mean 'data.upsampling.policy'?" in message_of("data.upsampling.polcy=flip")
    assert "known here: kind, seed" in message_of("zzz=1")


def test_the_message_names_the_dotted_key_the_value_and_the_rule():
    text = message_of("training.optimizer.layer_decay=-1")
    assert "training.optimizer.layer_decay=-1" in text
    assert "greater than 0" in text


def test_all_wrong_keys_are_named_at_once():
    text = message_of("seed=-1", "model.dropout=7", "data.aspect=stretch")
    assert all(key in text for key in ("seed", "model.dropout", "data.aspect"))


def test_overrides_are_validated_with_the_rules_between_keys():
    assert "add up to 1" in message_of("data.split.train=0.9")
    assert "linear_probe" in message_of("training.linear_probe=null", "training.phases=[]")
    twice = message_of("data.upsampling={}", "data.views=null", "data.online_augmentation=flip")
    assert "upsampling and online_augmentation exclude each other" in twice


def test_an_override_reaches_into_a_list(tmp_path):
    file = tmp_path / "config.yaml"
    phases = [{"unfreeze_blocks": 1, "epochs": 2, "learning_rate": 0.1}]
    file.write_text(yaml.safe_dump({"training": {"phases": phases}}))
    config = load_config(DirectExperiment, file, ["training.phases.0.epochs=5"])
    assert config.training.phases[0].epochs == 5
    with pytest.raises(ArtstyleError, match="does not exist"):
        load_config(DirectExperiment, file, ["training.phases.3.epochs=5"])


@pytest.mark.parametrize("override", ["seed", "=3", "data..images=x", "data.images.x=3", "seed=["])
def test_an_override_that_makes_no_sense_is_refused(override):
    assert message_of(override)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("seed: 1\nseed: 2\n", "key given twice: seed"),
        ("seed: [1\n", "not valid YAML"),
        ("- 1\n", "should hold keys and values"),
        ("seed: 2020-01-01\n", "cannot express"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, expected):
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(ArtstyleError, match=expected) as raised:
        load_config(DirectExperiment, file)
    assert str(file) in str(raised.value)


def test_thousands_of_wrong_keys_are_counted_and_only_five_looked_at(tmp_path, monkeypatch):
    """Each suggestion compares names; suggesting for all keys took minutes."""
    looked_at = []
    monkeypatch.setattr(
        loading, "_did_you_mean", lambda schema, location: looked_at.append(location) or ""
    )
    file = tmp_path / "config.yaml"
    file.write_text("".join(f"key{number}: 1\n" for number in range(5000)))
    with pytest.raises(ArtstyleError, match=r"unknown key 'key0'.*and 4995 more"):
        load_config(DirectExperiment, file)
    assert len(looked_at) == 5


def test_thousands_of_repeated_keys_are_counted(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("".join(f"key{number}: 1\n" for number in range(3000)) * 2)
    with pytest.raises(ArtstyleError, match=r"given twice: key0, key1, .* and 2995 more"):
        load_config(DirectExperiment, file)


def test_a_file_that_is_no_config_by_its_size_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr("yaml.load", lambda *args, **kwargs: pytest.fail("parsed"))
    file = tmp_path / "config.yaml"
    file.write_text("# a comment\n" * 30_000)
    with pytest.raises(ArtstyleError, match=r"too large for a config.*256 KiB"):
        load_config(DirectExperiment, file)


def test_a_missing_file_names_its_neighbors(tmp_path):
    (tmp_path / "direct.yaml").write_text("seed: 1\n")
    with pytest.raises(ArtstyleError, match=r"direct\.yaml"):
        load_config(DirectExperiment, tmp_path / "dirct.yaml")


def test_differences_are_named_by_their_dotted_keys():
    first, second = load(), load("seed=7", "model.dropout=0.5", "data.upsampling={policy: flip}")
    changed = different_keys(first, second, ignore={"seed"})
    assert "model.dropout" in changed
    assert "data.upsampling.policy" in changed
    assert "seed" not in changed
    assert different_keys(first, load(), ignore=set()) == []


def test_an_empty_file_means_the_defaults(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("# nothing\n")
    assert load_config(DirectExperiment, file) == DirectExperiment()


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "", "a:b", "nul\0"])
def test_a_run_name_is_one_plain_folder(name):
    with pytest.raises(ValueError, match="folder name"):
        DirectExperiment(run_name=name)


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        DirectExperiment().seed = 3  # pyright: ignore[reportAttributeAccessIssue]
