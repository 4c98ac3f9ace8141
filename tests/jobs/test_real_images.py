"""The main job on the real images, if they exist next to the checkout: `make test-shared`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artstyle_tf.cli.main import main

SHARED = Path(__file__).parents[3] / "shared"
IMAGES = SHARED / "data" / "artstyle8"
WEIGHTS = SHARED / "weights"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif(not IMAGES.is_dir(), reason=f"{IMAGES} is not there"),
]


def train(folder, capsys, *overrides):
    arguments = [
        f"data.images={IMAGES / 'images'}",
        f"data.split_file={IMAGES / 'split.csv'}",
        f"data.prepared={folder / 'prepared'}",
        *overrides,
    ]
    options = ["--outputs", str(folder / "outputs"), "--json", "--quiet"]
    assert main([*arguments, *options], verb="train-direct") == 0
    return json.loads(capsys.readouterr().out)


def test_the_linear_probe_is_a_usable_model(tmp_path, capsys):
    result = train(
        tmp_path,
        capsys,
        "model.backbone=efficientnet_v2_b0",
        f"model.weights={WEIGHTS / 'efficientnetv2b0_notop.weights.h5'}",
        "training.phases=[]",
    )
    assert result["num_images"] == {"train": 994, "val": 214}
    assert result["unreadable"] == []
    assert result["best_epoch"] == 0
    assert result["validation"]["macro_f1"] >= 0.80
    assert "test" not in result


def test_partial_weights_train_the_missing_kernels(tmp_path, capsys):
    """Two kernels of this file are random; a few epochs already exceed the score of its probe."""
    result = train(
        tmp_path,
        capsys,
        "model.backbone=efficientnet_b0",
        f"model.weights={WEIGHTS / 'efficientnetb0_notop_partial.weights.h5'}",
        "training.phases.0.epochs=3",
    )
    history = Path(result["run"]) / "history.csv"
    probe = float(history.read_text().splitlines()[1].split(",")[5])
    assert 0.70 < probe < result["validation"]["macro_f1"]


def test_an_inspection_of_the_real_images_has_the_known_findings(tmp_path, capsys):
    arguments = [f"data.images={IMAGES / 'images'}", f"data.split_file={IMAGES / 'split.csv'}"]
    options = ["--outputs", str(tmp_path / "outputs"), "--json", "--quiet"]
    assert main([*arguments, *options], verb="inspect-data") == 0
    result = json.loads(capsys.readouterr().out)
    assert round(result["imbalance"], 1) == 5.6
    assert (result["num_groups"], result["guessed_group_pattern"]) == (408, "^([^_]+)_")
    assert result["problems"]["exact_duplicates"] == 1
    assert "unreadable" not in result["problems"]
    shortcut = result["file_shortcut"]
    assert shortcut["macro_f1_interval"][0] > shortcut["chance"] + 0.1
    texts = {finding["code"]: finding["text"] for finding in result["findings"]}
    assert "ArtDeco has 45 training images" in texts["small_style"]
    assert "42% of ArtDeco is by one group" in texts["dominant_group"]
    assert "photo best" in texts["file_shortcut"]
