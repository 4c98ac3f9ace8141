"""Comparison of backbones through its command line, with networks small enough for tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from documented_names import undocumented_names

from artstyle_tf.cli.main import main
from artstyle_tf.evaluation import compare_backbones, fold_training

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
candidates:
  - {backbone: tiny, weights: null, image_size_px: 32, head: pooled}
  - {backbone: tiny, weights: null, image_size_px: 48, head: pooled}
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       group_pattern: '^(.*)_image'}
training: {batch_size: 8, linear_probe: {method: ridge}}
cross_validation: {num_folds: 2, validation_fraction: 0.2}
timed_images: 4
"""
DIRECT = """
kind: direct
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore}
model: {backbone: tiny, weights: null, image_size_px: 48, head: pooled}
training: {batch_size: 8, linear_probe: {method: ridge}, phases: [], tensorboard: false,
           trunk_cache: {dtype: float32}}
cross_validation: {num_folds: 2, validation_fraction: 0.2, schemes: [random]}
"""
STYLES = {"bold": 16, "fine": 16, "wide": 12}
NAMES = ["tiny-32px", "tiny-48px"]
FIRST = Path("outputs/backbones/first")


def compare(*arguments):
    return main(["--config", "config.yaml", *arguments], verb="compare-backbones")


@pytest.fixture(scope="module")
def compared_once(first_workplace):
    with first_workplace(STYLES, {"config.yaml": CONFIG, "direct.yaml": DIRECT}) as folder:
        assert compare("--run-name", "first", "--quiet") == 0
    return folder


@pytest.fixture
def compared(compared_once, enter_copy, tiny_network_by_name):
    """Return the JSON of a finished comparison, in a folder of this test."""
    enter_copy(compared_once)
    return json.loads((FIRST / "results.json").read_text())


def scores_of(result):
    return {
        entry["name"]: {scheme: entry[scheme] for scheme in ("random", "group") if scheme in entry}
        for entry in result["candidates"]
    }


def test_the_json_contract(compared):
    assert undocumented_names(compared) == set()
    assert compared["num_images"] == sum(STYLES.values())
    assert compared["decided_by"] == "group"
    assert {entry["name"] for entry in compared["candidates"]} == set(NAMES)
    best, other = compared["candidates"]
    assert compared["best"] == best["name"]
    assert compared["recommended"] in NAMES
    for scheme in ("random", "group"):
        assert best[scheme]["against_best"] is None
        against = other[scheme]["against_best"]
        difference = other[scheme]["macro_f1"] - best[scheme]["macro_f1"]
        assert against["difference"] == pytest.approx(difference)
    for entry in compared["candidates"]:
        assert entry["size_bytes"] == 4 * entry["parameters"] > 0
        assert entry["milliseconds_per_image"] > 0
        assert entry["license"] == "none (random weights)"
        assert Path(entry["run"], "metrics.json").is_file()


def test_table_and_figure_are_written(compared, capsys):
    table = pd.read_csv(FIRST / "backbones.csv").set_index("name")
    for name, scores in scores_of(compared).items():
        assert table.loc[name, "group_macro_f1"] == pytest.approx(scores["group"]["macro_f1"])
    assert Path(compared["figures"], "score_against_time.png").is_file()
    text = compare_backbones.summarize(compared)
    size_px = compared["recommended"].removeprefix("tiny-").removesuffix("px")
    assert f"model.backbone=tiny model.weights=null model.image_size_px={size_px}" in text
    assert "folds without a common group" in text
    assert "do not differ significantly" in text or "is better than" in text


def test_all_folds_of_a_candidate_read_the_same_activations(compared):
    tables = [folder for folder in Path("outputs/trunk_cache").iterdir() if folder.is_dir()]
    assert len(tables) == len(NAMES)


def test_scores_are_those_of_cross_validate(compared, capsys):
    arguments = ["--config", "direct.yaml", "--group-pattern", "^(.*)_image", "--json", "--quiet"]
    assert main(arguments, verb="cross-validate") == 0
    expected = json.loads(capsys.readouterr().out)["random"]
    found = scores_of(compared)["tiny-48px"]["random"]
    assert found["macro_f1"] == expected["macro_f1"]
    assert found["macro_f1_interval"] == expected["macro_f1_interval"]


def test_an_interrupted_comparison_continues_after_its_last_fold(compared, monkeypatch, capsys):
    train_fold, trained = fold_training.train_fold, []

    def interrupted(config, fold, *arguments):
        if len(trained) == 3:  # both folds of the first candidate, one of the second
            raise KeyboardInterrupt
        trained.append((config.run_name, fold.name))
        return train_fold(config, fold, *arguments)

    command = ["--run-name", "broken", "cross_validation.schemes=[group]"]
    with monkeypatch.context() as patch:
        patch.setattr("artstyle_tf.evaluation.cross_validate.train_fold", interrupted)
        assert compare(*command) == 130
    assert "--resume" in capsys.readouterr().err
    home = Path("outputs/backbones/broken")
    assert not (home / "results.json").exists()

    assert compare(*command, "--resume", "--folds", "3") == 2
    assert "other values for cross_validation.num_folds" in capsys.readouterr().err
    moved = next(Path("images/bold").iterdir())
    moved.rename(Path("images", moved.name))  # an image less
    assert compare(*command, "--resume") == 2
    assert "The images have changed since" in capsys.readouterr().err
    Path("images", moved.name).rename(moved)

    first, second = (home / "cross_validation" / name for name in NAMES)
    finished = [first / "metrics.json", first / "costs.json"]
    finished.append(second / "folds" / "group-1-fold-1.npz")
    written = [file.stat().st_mtime_ns for file in finished]
    again = []
    with monkeypatch.context() as patch:
        patch.setattr(
            "artstyle_tf.evaluation.cross_validate.train_fold",
            lambda config, fold, *rest: (
                again.append((config.run_name, fold.name)) or train_fold(config, fold, *rest)
            ),
        )
        assert compare(*command, "--resume", "--json") == 0
    assert [file.stat().st_mtime_ns for file in finished] == written
    assert not set(again) & set(trained)
    assert len(again) == 1
    resumed = scores_of(json.loads(capsys.readouterr().out))
    assert {name: scores["group"] for name, scores in scores_of(compared).items()} == {
        name: scores["group"] for name, scores in resumed.items()
    }

    assert compare(*command, "--resume") == 2
    assert "is finished" in capsys.readouterr().err


def test_overwrite_replaces_a_comparison(compared, capsys):
    assert compare("--run-name", "first") == 2
    assert "exists already" in capsys.readouterr().err
    one = "candidates=[{backbone: tiny, weights: null, image_size_px: 32, head: pooled}]"
    options = ["--run-name", "first", "--overwrite", "data.group_pattern=null", one]
    assert compare(*options, "cross_validation.schemes=[random]", "--json", "--quiet") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["decided_by"], result["recommended"]) == ("random", NAMES[0])
    assert [folder.name for folder in (FIRST / "cross_validation").iterdir()] == [NAMES[0]]
    assert not list(FIRST.parent.glob(".first*"))


def test_a_dry_run_writes_nothing(compared, capsys):
    before = sorted(Path("outputs").rglob("*"))
    assert compare("--dry-run", "--json") == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["trainings"] == 8
    assert planned["schemes"] == ["random", "group"]
    assert set(planned["parameters"]) == set(planned["licenses"]) == set(NAMES)
    assert sorted(Path("outputs").rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["candidates=[]"], "candidates: should name the networks to compare"),
        (["candidates=[{backbone: tiny}, {backbone: tiny}]"], "number 2 is the same as number 1"),
        (["candidates=[{backbone: resnet}]"], "The backbone is not known"),
        (["training.phases=[]"], "backbones are compared frozen, without phases"),
        (
            ["training.phases=[{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]"],
            "backbones are compared frozen, without phases",
        ),
        (["model.head=pooled"], "give its keys for each of the candidates"),
        (["--folds", "13"], "images"),
    ],
)
def test_invalid_comparisons_are_one_line_before_anything_is_written(
    compared, capsys, arguments, message
):
    before = sorted(Path("outputs").rglob("*"))
    assert compare(*arguments, "--quiet") == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(Path("outputs").rglob("*")) == before


def test_damaged_results_of_a_candidate_are_named(compared, capsys):
    (FIRST / "results.json").unlink()
    costs = FIRST / "cross_validation" / NAMES[0] / "costs.json"
    costs.write_text('{"parameters": -1}')
    assert compare("--run-name", "first", "--resume") == 2
    assert str(costs) in capsys.readouterr().err
    shutil.rmtree(costs.parent / "folds")
    assert compare("--run-name", "first", "--resume") == 2
    assert "The result of a fold" in capsys.readouterr().err


def test_the_demo_has_its_own_config(capsys):
    assert main(["--demo", "--print-config"], verb="compare-backbones") == 0
    printed = capsys.readouterr().out
    assert "demo_set: true" in printed
    assert printed.count("backbone: compact") == 2
