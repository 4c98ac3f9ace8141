"""Fine-tuning whose number of epochs is selected on training images of held-out artists."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names

from artstyle_tf.cli.main import main
from artstyle_tf.runs.run_directory import open_run
from artstyle_tf.training import repeated_training

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null, split: {train: 0.6, val: 0.2, test: 0.2}}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  tensorboard: false
  batch_size: 8
  linear_probe: {method: logistic, C: 4.0}
  trunk_cache: {mode: never}
  phases: [{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3},
           {unfreeze_blocks: 2, epochs: 1, learning_rate: 1e-2}]
"""
STYLES = {"bold": 24, "fine": 24}


@pytest.fixture
def workplace(enter_workplace):
    return enter_workplace(CONFIG, STYLES)


@pytest.fixture
def select(monkeypatch):
    """Function (epoch): it is selected, whatever the scores."""
    honest = repeated_training.select_epoch

    def force(epoch):
        def forced(*arguments, **options):
            return dataclasses.replace(honest(*arguments, **options), epoch=epoch)

        monkeypatch.setattr(repeated_training, "select_epoch", forced)

    return force


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
    workplace, select, capsys
):
    select(2)
    assert train("tuned") == 0
    result = result_of("tuned")
    assert undocumented_names(result) == set()
    selection = result["epoch_selection"]
    assert selection["epoch"] == result["best_epoch"] == 2
    assert selection["group_pattern"] == "^([^_]+)_"
    assert selection["epochs"] == [0, 1, 2]
    assert np.shape(selection["folds"]) == (3, 3)
    assert result["refitted"]
    run = Path("outputs/models/tuned")
    assert pd.read_csv(run / "history.csv")["epoch"].tolist() == [0, 1, 2]
    assert not are_equal(weights_of("tuned"), weights_of("tuned", before_refit=True))
    printed = capsys.readouterr()
    assert "Selecting the number of epochs, fold 3 of 3" in printed.err
    assert "macro-F1 on training images of held-out groups" in printed.out
    # The validation images are evaluated by the network that was not trained on them.
    assert main(["--run", str(run), "split=val", "--json"], verb="evaluate") == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["metrics"] == pytest.approx(result["validation"], abs=1e-6)


def test_a_start_that_wins_is_the_network_of_a_training_without_phases(workplace, select):
    select(0)
    assert train("start") == train("frozen", "training.phases=[]") == 0
    assert result_of("start")["best_epoch"] == 0
    assert result_of("frozen")["epoch_selection"] is None
    assert are_equal(weights_of("start"), weights_of("frozen"))


def test_an_interrupted_selection_is_continued(workplace, select, monkeypatch):
    select(1)
    assert train("whole") == 0
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
    assert are_equal(weights_of("cut"), weights_of("whole"))


def test_without_groups_the_validation_images_select_the_epoch(workplace, capsys):
    for number, file in enumerate(sorted(Path("images").rglob("*.png"))):
        file.rename(file.with_name(f"img{number:03}x.png"))
    assert train("unknown") == 0
    result = result_of("unknown")
    assert result["epoch_selection"] is None
    assert not result["refitted"]
    assert "The validation images select the epoch: no groups" in capsys.readouterr().err
