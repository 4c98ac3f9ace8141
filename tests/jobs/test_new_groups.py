"""Fine-tuning whose number of epochs is selected on training images of held-out artists."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names

from artstyle_tf.cli.main import main
from artstyle_tf.runs.run_directory import open_run
from artstyle_tf.training import repeated_training
from artstyle_tf.training.epoch_selection import EpochSelection

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null, split: {train: 0.6, val: 0.2, test: 0.2}}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  tensorboard: false
  batch_size: 32
  linear_probe: {method: logistic, C: 4.0}
  trunk_cache: {mode: never}
  phases: [{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3},
           {unfreeze_blocks: 2, epochs: 1, learning_rate: 1e-2}]
"""
STYLES = {"bold": 24, "fine": 24}


@pytest.fixture
def workplace(enter_workplace):
    return enter_workplace(CONFIG, STYLES)


def select_second_epoch(patch):
    """Let epoch 2 be selected, whatever the scores."""
    honest = repeated_training.select_epoch

    def forced(*arguments, **options):
        return dataclasses.replace(honest(*arguments, **options), epoch=2)

    patch.setattr(repeated_training, "select_epoch", forced)


@pytest.fixture(scope="module")
def tuned_once(first_workplace):
    """A workplace with the run `tuned`, of the second epoch, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with (
        first_workplace(STYLES, {"config.yaml": CONFIG}) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        select_second_epoch(patch)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            assert train("tuned") == 0
        Path("out.txt").write_text(out.getvalue())
        Path("err.txt").write_text(err.getvalue())
    return folder


@pytest.fixture
def tuned(tuned_once, enter_copy, tiny_network_by_name):
    """Return the JSON of the run `tuned`, in a folder of this test."""
    enter_copy(tuned_once)
    return result_of("tuned")


def train(name, *overrides):
    return main(["--config", "config.yaml", "--run-name", name, *overrides], verb="train-direct")


def result_of(name):
    return json.loads((Path("outputs/models") / name / "metrics.json").read_text())


def weights_of(name, *, before_refit=False):
    run = open_run(Path("outputs/models") / name)
    return run.load_model(before_refit=before_refit).get_weights()


def are_equal(first, second):
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_selected_epoch_is_trained_and_then_trained_again_with_the_validation_images(
    tuned, capsys
):
    assert undocumented_names(tuned) == set()
    selection = tuned["epoch_selection"]
    assert selection["epoch"] == tuned["best_epoch"] == 2
    assert selection["group_pattern"] == "^([^_]+)_"
    assert selection["epochs"] == [0, 1, 2]
    assert np.shape(selection["folds"]) == (3, 3)
    assert tuned["refitted"]
    run = Path("outputs/models/tuned")
    assert pd.read_csv(run / "history.csv")["epoch"].tolist() == [0, 1, 2]
    assert not are_equal(weights_of("tuned"), weights_of("tuned", before_refit=True))
    assert "Selecting the number of epochs, fold 3 of 3" in Path("err.txt").read_text()
    assert "macro-F1 on training images of held-out groups" in Path("out.txt").read_text()
    # The validation images are evaluated by the network that was not trained on them.
    assert main(["--run", str(run), "split=val", "--json"], verb="evaluate") == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["metrics"] == pytest.approx(tuned["validation"], abs=1e-6)


def test_a_start_that_wins_is_the_network_of_a_training_without_phases(workplace, monkeypatch):
    scores = [1.0, 0.0, 0.0]
    start = EpochSelection(0, [0, 1, 2], scores, [scores] * 3, num_groups=9, group_pattern=None)
    monkeypatch.setattr(repeated_training, "select_epoch", lambda *_, **__: start)
    assert train("start") == train("frozen", "training.phases=[]") == 0
    assert result_of("start")["best_epoch"] == 0
    assert result_of("frozen")["epoch_selection"] is None
    assert are_equal(weights_of("start"), weights_of("frozen"))


@pytest.mark.reliability  # tests/training/test_epoch_selection.py resumes a selection
def test_an_interrupted_selection_is_continued(tuned, monkeypatch):
    select_second_epoch(monkeypatch)
    trained = []
    train_on = repeated_training._train_on

    def interrupted(splits, training, place, name, **options):
        if name.endswith("fold_2") and not trained.count("stop"):
            trained.append("stop")
            raise KeyboardInterrupt
        trained.append(name)
        return train_on(splits, training, place, name, **options)

    monkeypatch.setattr(repeated_training, "_train_on", interrupted)
    assert train("cut") == 130
    assert open_run(Path("outputs/models/cut")).load_model()  # the start
    assert train("cut", "--resume") == 0
    assert trained == [
        "epoch_selection/fold_1",
        "stop",
        "epoch_selection/fold_2",
        "epoch_selection/fold_3",
        "refit",
    ]
    assert are_equal(weights_of("cut"), weights_of("tuned"))


def test_without_groups_the_validation_images_select_the_epoch(workplace, capsys):
    for number, file in enumerate(sorted(Path("images").rglob("*.png"))):
        file.rename(file.with_name(f"img{number:03}x.png"))
    assert train("unknown") == 0
    result = result_of("unknown")
    assert result["epoch_selection"] is None
    assert not result["refitted"]
    assert "The validation images select the epoch: no groups" in capsys.readouterr().err
