"""A study through its command line, with a network small enough for tests."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from documented_names import undocumented_names
from patience import HUNG_SECONDS

from artstyle_tf.cli.main import main
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.parameters import IntParameterConfig
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS
from artstyle_tf.tuning.study_plan import (
    base_experiment,
    check_space,
    groups_to_fill,
    num_steps,
    trial_config,
)
from artstyle_tf.tuning.study_results import no_valid_trial, short_names
from artstyle_tf.tuning.trial_records import TrialRecord

CONFIGS = Path(__file__).parents[2] / "configs"
SCRIPT = Path(__file__).parents[2] / "scripts" / "tune.py"
CONFIG = """
kind: direct
run_name: tiny
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: {num_views: 2, policy: flip}}
model: {backbone: compact, weights: null, image_size_px: 32, head: pooled}
training:
  batch_size: 8
  linear_probe: null
  phases: [{unfreeze_blocks: 0, epochs: 2, learning_rate: 1e-3}]
  trunk_cache: {runtime: keras}
tuning:
  space:
    training.phases.0.learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}
    training.batch_size: {type: categorical, choices: [8, 16]}
  num_trials: 4
  workers: 2
  pruner: {name: none}
  confirmation: {top: 1, seeds: 1, baseline: {training.phases.0.learning_rate: 1e-4}}
"""


def tune(*arguments, cwd):
    command = [sys.executable, str(SCRIPT), "--config", "tune.yaml", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=HUNG_SECONDS)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, write_images):
    """Folder of a study that was finished."""
    folder = tmp_path_factory.mktemp("tuned ö")
    write_images(folder / "images", {"bold": 12, "fine": 12})
    (folder / "tune.yaml").write_text(CONFIG)
    answer = tune("--json", "--trials", "2", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    (folder / "answer.json").write_text(answer.stdout)
    (folder / "said.txt").write_text(answer.stderr)
    return folder


@pytest.fixture
def study(tuned):
    return tuned / "outputs" / "param-optim-direct" / "tiny"


def test_the_json_contract(tuned, study):
    answer = json.loads((tuned / "answer.json").read_text())
    assert answer == json.loads((study / "summary.json").read_text())
    assert undocumented_names(answer) == set()
    assert answer["trials"] == {"complete": 2}
    assert answer["best"] == json.loads((study / "best.json").read_text())
    assert set(answer["best"]["values"]) == set(yaml.safe_load(CONFIG)["tuning"]["space"])
    assert [entry["name"] for entry in answer["recipes"]][1] == "baseline"
    assert len(answer["verdicts"]) == 1


def test_progress_is_reported(tuned):
    said = (tuned / "said.txt").read_text()
    assert "2/2: macro-F1" in said
    assert "train images in 2 views" in said
    assert "Traceback" not in said
    assert "cuda" not in said


def test_the_table_holds_every_trial(study):
    trials = pd.read_csv(study / "trials.csv")
    assert trials["trial"].tolist() == [0, 1]
    assert (trials["state"] == "complete").all()
    assert (trials["steps"] == 2).all()
    assert trials["training.phases.0.learning_rate"].between(1e-4, 1e-2).all()
    figures = {file.stem for file in (study / "figures").glob("*.png")}
    assert {"optimization_history", "slices", "parallel_coordinates"} <= figures


def test_the_best_config_is_one_that_training_takes(tuned, study):
    best = load_config(DirectExperiment, study / "best.yaml")
    values = json.loads((study / "best.json").read_text())["values"]
    assert best.training.batch_size == values["training.batch_size"]
    assert best.training.phases[0].learning_rate == values["training.phases.0.learning_rate"]
    assert best.run_name is None


def test_a_changed_space_is_refused(tuned, monkeypatch, capsys):
    monkeypatch.chdir(tuned)
    changed = "tuning.space={training.batch_size: {type: categorical, choices: [8]}}"
    said = refused(capsys, changed)
    assert "does not match this command" in said
    assert "space.training.phases.0.learning_rate" in said
    assert "other values for training.optimizer" in refused(
        capsys, "training.optimizer.weight_decay=0.5"
    )


def test_other_images_and_another_engine_are_refused_and_nothing_is_overwritten(
    tuned, study, monkeypatch, capsys, write_images
):
    monkeypatch.chdir(tuned)
    before = {
        file: file.read_bytes()
        for file in study.iterdir()
        if file.suffix != ".db" and file.is_file()
    }
    write_images(tuned / "others", {"bold": 12, "fine": 12}, seed=1)
    others = ["data.images=others", "data.prepared=others prepared"]
    assert "other values for images. " in refused(capsys, *others)
    assert "other values for images. " in refused(capsys, *others, "--dry-run")
    said = refused(capsys, "tuning.engine=keras_tuner")
    assert "holds a study with tuning.engine=optuna" in said
    assert "--run-name" in said
    assert not (tuned / "others prepared").exists()
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.reliability
def test_a_study_of_nan_names_no_winner(tmp_path, write_images):
    write_images(tmp_path / "images", {"bold": 8, "fine": 8})
    (tmp_path / "tune.yaml").write_text(CONFIG)
    phases = "training.phases=[{unfreeze_blocks: all, epochs: 1, learning_rate: 1e30}]"
    space = "tuning.space={training.batch_size: {type: categorical, choices: [8]}}"
    options = ["--trials", "3", "tuning.workers=1", "--json"]
    answer = tune(phases, space, *options, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert "No trial has a score" in json.loads(answer.stdout)["error"]
    assert "Training diverged in epoch 1 of 1" in answer.stderr
    assert "Traceback" not in answer.stderr
    study = tmp_path / "outputs" / "param-optim-direct" / "tiny"
    (trial,) = pd.read_csv(study / "trials.csv").to_dict("records")
    assert (trial["state"], trial["macro_f1"]) == ("failed", pytest.approx(math.nan, nan_ok=True))
    assert not list(study.glob("best.*"))


def test_without_a_complete_trial_the_error_says_how_each_has_ended():
    records = [
        TrialRecord(number, "failed", {}, reason="Training diverged in epoch 1 of 1")
        for number in range(2)
    ]
    message = str(no_valid_trial(records))
    assert "No trial has a score" in message
    assert "2 failed; trial 0 failed: Training diverged" in message


def refused(capsys, *arguments):
    assert main(["--config", "tune.yaml", *arguments], verb="tune") == 2
    return capsys.readouterr().err


def test_errors_are_reported_before_anything_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("tune.yaml").write_text(CONFIG)
    space = "tuning.space={%s: {type: int, low: 1, high: 2}}"
    assert "did you mean" in refused(capsys, space % "training.batch_sise")
    assert "cannot be searched" in refused(capsys, space % "data.split.seed")
    assert "cannot be searched" in refused(capsys, space % "training.trunk_cache.mode")
    low = "tuning.space={training.batch_size: {type: int, low: 0, high: 8}}"
    assert "training.batch_size=0" in refused(capsys, low)
    assert "torch" in refused(capsys, "tuning.sampler.name=gp")
    said = refused(capsys, "tuning.engine=keras_tuner", "tuning.pruner.name=median")
    assert "neither prunes" in said
    said = refused(
        capsys,
        "tuning.objective.metrics=[macro_f1, training_seconds]",
        "tuning.pruner.name=halving",
    )
    assert "cannot be pruned" in said
    assert [file.name for file in tmp_path.iterdir()] == ["tune.yaml"]


@pytest.mark.parametrize("kind", ["direct", "triplet"])
def test_the_shipped_spaces_hold_what_training_takes(kind):
    config = load_config(TUNE_EXPERIMENTS, CONFIGS / f"tune_{kind}.yaml")
    base, space = base_experiment(config), SearchSpace(config.tuning.space)
    check_space(base, space)
    assert num_steps(base, space, config.tuning) == 7
    groups = groups_to_fill(base, space)
    policies = {group[0].data.views.policy for group in groups}
    assert policies == {"flip", "gentle", "strong"}
    blocks = {config.training.phases[0].unfreeze_blocks for config in groups[0]}
    assert blocks == set(range(2 if kind == "direct" else 3, 9))
    confirmation = config.tuning.confirmation
    baseline = trial_config(base, {**confirmation.changes, **(confirmation.baseline or {})})
    shipped = load_config(type(base), CONFIGS / f"{kind}.yaml")
    assert baseline.model == shipped.model
    assert baseline.training.phases == shipped.training.phases


def test_values_that_do_not_go_together_are_a_failed_trial():
    config = load_config(TUNE_EXPERIMENTS, CONFIGS / "tune_direct.yaml")
    with pytest.raises(ArtstyleError, match="phases should not be empty"):
        trial_config(base_experiment(config), {"training.phases": []})


def test_a_list_is_replaced_before_its_entries():
    config = load_config(TUNE_EXPERIMENTS, CONFIGS / "tune_direct.yaml")
    phases = [{"unfreeze_blocks": 1, "epochs": 1, "learning_rate": 0.1}]
    values = {"training.phases.0.epochs": 5, "training.phases": phases}
    (phase,) = trial_config(base_experiment(config), values).training.phases
    assert (phase.unfreeze_blocks, phase.epochs) == (1, 5)


def test_too_many_combinations_are_not_computed_beforehand():
    config = load_config(TUNE_EXPERIMENTS, CONFIGS / "tune_direct.yaml")
    sizes = IntParameterConfig(type="int", low=32, high=300)
    space = SearchSpace({"model.image_size_px": sizes})
    assert groups_to_fill(base_experiment(config), space) == []


def test_short_names_stay_different():
    keys = ["training.phases.0.epochs", "training.phases.1.epochs", "model.dropout"]
    assert list(short_names(keys).values()) == ["0.epochs", "1.epochs", "dropout"]
