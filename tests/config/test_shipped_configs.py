"""The shipped files agree with the defaults in the settings classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from artstyle_tf.cli.verbs import VERBS
from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, DirectExperiment, TripletExperiment
from artstyle_tf.config.loading import different_keys, load_config, validate
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS, TuningConfig

CONFIGS = Path(__file__).parents[2] / "configs"

# File -> the settings whose defaults it lists and explains.
LISTINGS = {
    verb.config_file: verb.schema for verb in VERBS.values() if isinstance(verb.schema, type)
} | {f"{kind}.yaml": schema for kind, schema in TRAINING_EXPERIMENTS.items()}

# File -> the settings of which it contains only the differences.
CHANGES = {
    "demo.yaml": DirectExperiment,
    "demo_triplet.yaml": TripletExperiment,
    "demo_compare_backbones.yaml": VERBS["compare-backbones"].schema,
    "demo_inspect.yaml": VERBS["inspect-data"].schema,
    "demo_tune.yaml": TUNE_EXPERIMENTS["direct"],
    "finetune.yaml": DirectExperiment,
    "reference.yaml": DirectExperiment,
    "reference_triplet.yaml": TripletExperiment,
    "tune_direct.yaml": TUNE_EXPERIMENTS["direct"],
    "tune_triplet.yaml": TUNE_EXPERIMENTS["triplet"],
}


def content_of(name: str) -> dict:
    return yaml.safe_load((CONFIGS / name).read_text())


def leaves(content: dict, *above: str) -> dict[tuple[str, ...], Any]:
    """Return tuple of keys -> value; keys of `tuning.space` contain dots."""
    flat = {}
    for name, value in content.items():
        is_section = isinstance(value, dict) and value
        flat |= leaves(value, *above, name) if is_section else {(*above, name): value}
    return flat


def every_schema(parent: type[Schema] = Schema) -> list[type[Schema]]:
    children = parent.__subclasses__()
    return [*children, *(found for child in children for found in every_schema(child))]


def test_every_shipped_file_is_known_and_starts_with_its_command():
    files = {file.name: file for file in CONFIGS.glob("*.yaml")}
    assert files.keys() == LISTINGS.keys() | CHANGES.keys()
    named = {verb.config_file for verb in VERBS.values()}
    named |= {verb.demo_config_file for verb in VERBS.values() if verb.demo_config_file}
    assert named <= files.keys()
    assert all(file.read_text().startswith("# python scripts/") for file in files.values())


@pytest.mark.parametrize("name", LISTINGS)
def test_a_shipped_file_holds_the_defaults_of_its_class(name):
    schema = LISTINGS[name]
    assert different_keys(load_config(schema, CONFIGS / name), schema(), ignore=set()) == []


@pytest.mark.parametrize("name", LISTINGS)
def test_it_lists_every_key(name):
    listed = leaves(content_of(name))
    missing = [key for key in leaves(LISTINGS[name]().model_dump(mode="json")) if key not in listed]
    if name in ("inspect.yaml", "analysis.yaml", "compare_backbones.yaml"):
        missing = [key for key in missing if key[0] != "data"]  # explained in direct.yaml
    assert missing == []


@pytest.mark.parametrize("name", CHANGES)
def test_other_shipped_files_contain_only_differences(name):
    schema, content = CHANGES[name], content_of(name)
    config = validate(schema, content, source=name)
    for key in leaves(content):
        is_listed = name == "tune_direct.yaml" and key[0] == "tuning"
        if key != ("kind",) and not is_listed:
            assert outcome(schema, without(content, *key)) != config, key


def without(content: dict, name: str, *below: str) -> dict:
    if below:
        return {**content, name: without(content[name], *below)}
    return {key: value for key, value in content.items() if key != name}


def outcome(schema: type[Schema], content: dict) -> Schema | None:
    try:
        return validate(schema, content, source="the test")
    except ArtstyleError:
        return None


def test_the_first_file_of_studies_lists_the_defaults_of_a_search():
    tuning = load_config(TUNE_EXPERIMENTS, CONFIGS / "tune_direct.yaml").tuning
    defaults = TuningConfig(space=tuning.space)
    changed = different_keys(
        tuning, defaults, ignore={"confirmation.changes", "confirmation.baseline"}
    )
    assert changed == []
    listed = content_of("tune_direct.yaml")["tuning"]
    assert listed["confirmation"].keys() == defaults.confirmation.model_dump().keys()
    others = defaults.model_dump(exclude={"space", "confirmation"})
    assert leaves(others).keys() <= leaves(listed).keys()


@pytest.mark.parametrize("schema", every_schema(), ids=lambda schema: schema.__name__)
def test_a_section_that_is_only_named_has_the_defaults_of_one_that_is_not(schema):
    """Else `model: {backbone: ...}` alone would change the image size, too."""
    for name, field in schema.model_fields.items():
        if isinstance(field.default, Schema):
            assert field.default == type(field.default)(), name


@pytest.mark.parametrize(
    ("kind", "override"),
    [
        ("direct", "model={backbone: compact}"),
        ("direct", "training={batch_size: 8}"),
        ("direct", "training.linear_probe={alpha: 2.0}"),
        ("direct", "data={views: {num_views: 2}}"),
        ("triplet", "training={num_neighbors: 3}"),
        ("triplet", "training.projection_init={alpha: 2.0}"),
        ("triplet", "training.loss={temperature: 0.5}"),
        ("triplet", "model={dimension: 64}"),
    ],
)
def test_a_short_config_trains_the_shipped_recipe_with_its_changes(kind, override):
    config = load_config(TRAINING_EXPERIMENTS[kind], None, [f"kind={kind}", override])
    shipped = load_config(TRAINING_EXPERIMENTS[kind], CONFIGS / f"{kind}.yaml")
    assert len(different_keys(config, shipped, ignore=set())) == 1
