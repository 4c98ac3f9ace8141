"""Diverging trainings, through the command line."""

from __future__ import annotations

import json

import pytest

from artstyle_tf.cli import main as cli

pytestmark = pytest.mark.usefixtures("without_graphs")

OVERRIDES = [
    "data.images=images",
    "data.prepared=prepared",
    "model.backbone=tiny",
    "model.weights=null",
    "model.image_size_px=32",
    "training.batch_size=8",
    "training.tensorboard=false",
    "training.select_epoch_on=validation",
    "report=false",
]
FAR_TOO_FAST = [
    "training.linear_probe=null",
    "training.phases=[{unfreeze_blocks: all, epochs: 3, learning_rate: 1e30}]",
]


@pytest.fixture
def workplace(tmp_path, monkeypatch, write_images, tiny_network_by_name):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "images", {"bold": 12, "fine": 12})
    return tmp_path


def test_a_diverged_training_is_reported_saves_nothing_and_diverges_again(workplace, capsys):
    command = [*OVERRIDES, *FAR_TOO_FAST, "--run-name", "fast", "--json"]
    for further in ([], ["--resume"]):
        assert cli.main([*command, *further], verb="train-direct") == 2
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        error = json.loads(captured.out)["error"]
        assert "diverged in epoch 1 of 3 (all blocks), batch " in error
        assert "smaller learning rate" in error
    run = workplace / "outputs" / "models" / "fast"
    assert json.loads((run / "run.json").read_text())["state"] == "failed"
    for name in ("model.keras", "resume.npz", "metrics.json", "calibration.json"):
        assert not (run / name).exists()


def test_a_fold_that_diverges_is_named(workplace, capsys):
    folds = ["cross_validation.num_folds=2", "cross_validation.schemes=[random]"]
    command = [*OVERRIDES, *FAR_TOO_FAST, *folds, "--run-name", "folds"]
    assert cli.main(command, verb="cross-validate") == 2
    assert "Fold 1 of 2: Training diverged in epoch 1 of 3" in capsys.readouterr().err
