"""User errors give one clear message and exit code 2, and leave no files behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.cli.main import main

CONFIG = """
data: {images: images, prepared: prepared, preparation_workers: 1, views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  batch_size: 8
  linear_probe: {method: logistic, C: 4.0}
  select_epoch_on: validation
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]
"""


@pytest.fixture
def workplace(enter_workplace):
    return enter_workplace(CONFIG, {"bold": 10, "fine": 10})


def train(*arguments):
    return main(["--config", "config.yaml", *arguments], verb="train-direct")


def refuse(capsys, *arguments):
    assert train(*arguments) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not Path("outputs").exists()
    return errors[0]


def remove_style(name):
    shutil.rmtree(Path("images") / name)


def test_an_empty_image_folder_explains_itself_and_offers_the_demo(workplace, capsys):
    text = refuse(capsys, "data.images=data/images")
    assert "data/images/<style>/" in text
    assert "--demo" in text


def test_an_empty_folder(workplace, capsys):
    Path("empty").mkdir()
    assert "empty" in refuse(capsys, "data.images=empty")


def test_one_style_only(workplace, capsys):
    remove_style("fine")
    assert "bold" in refuse(capsys)


@pytest.mark.parametrize("count", [1, 2])
def test_a_style_too_small_to_split_is_named(workplace, capsys, count, write_images):
    write_images(Path("images"), {"rare": count})
    text = refuse(capsys)
    assert "rare" in text
    assert str(count) in text


def write_look_alikes(folder, count):
    """Write the same scene several times with decreasing quality."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    scene = Image.fromarray(pixels).resize((96, 96))
    for number in range(count):
        scene.save(folder / f"scan_{number:02}.jpg", quality=95 - 3 * number)


@pytest.mark.parametrize("verb", ["train-direct", "prepare-data", "cross-validate"])
def test_near_duplicates_that_cannot_be_divided_give_the_reason(workplace, capsys, verb):
    """The message was "alike with 12 images in 1 groups", for 12 different names and contents."""
    write_look_alikes(Path("images/alike"), 12)
    # With a split file the folds fail, otherwise the split.
    if verb == "cross-validate":
        files = sorted(Path("images").rglob("*.jpg")) + sorted(Path("images").rglob("*.png"))
        rows = [
            f"{file.relative_to('images').as_posix()},{file.parent.name},"
            f"{'val' if number % 4 == 0 else 'train'}"
            for number, file in enumerate(files)
        ]
        Path("split.csv").write_text("path,label,split\n" + "\n".join(rows) + "\n")
    options = ["data.split_file=split.csv"] if verb == "cross-validate" else []
    assert main(["--config", "config.yaml", *options], verb=verb) == 2
    said = capsys.readouterr().err
    assert (
        "alike with 12 images in 1 group (12 look the same as another one, "
        "e.g. alike/scan_00.jpg and alike/scan_01.jpg)" in said
    )
    assert "data.near_duplicates=ignore" in said
    assert "bold" not in said.split("Error: ")[1]
    assert "Traceback" not in said


def test_unwritable_output(workplace, capsys):
    Path("blocked").write_text("a file where a folder should be")
    assert "Cannot write" in refuse(capsys, "--outputs", "blocked")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder(workplace, capsys):
    Path("sealed").mkdir(mode=0o500)
    assert "Cannot write" in refuse(capsys, "--outputs", "sealed/outputs")


def test_unknown_backbone(workplace, capsys):
    assert "efficientnet_b0" in refuse(capsys, "model.backbone=resnet")


def test_weights_that_are_not_there(workplace, capsys):
    assert "nowhere.h5" in refuse(
        capsys, "model.weights=nowhere.h5", "model.backbone=efficientnet_b0"
    )


def test_weights_of_another_network(workplace, capsys, tiny_backbone):
    tiny_backbone().model.save_weights("tiny.weights.h5")
    text = refuse(capsys, "model.weights=tiny.weights.h5", "model.backbone=efficientnet_b0")
    assert "do not fit efficientnet_b0" in text


def test_more_blocks_than_the_backbone_has(workplace, capsys):
    assert "has only 3 blocks" in refuse(capsys, "training.phases.0.unfreeze_blocks=9")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("path,label,split\nbold/none.png,bold,train\n", "none.png"),
        ("path,label,split\n", "split.csv"),
        ("path,label\nx,bold\n", "split"),
        ("", "split.csv"),
    ],
)
def test_a_split_file_that_cannot_be_honoured(workplace, capsys, content, expected):
    Path("split.csv").write_text(content)
    assert expected in refuse(capsys, "data.split_file=split.csv")


def test_a_split_file_that_is_not_there(workplace, capsys):
    assert "splitt.csv" in refuse(capsys, "data.split_file=splitt.csv")


def test_an_unknown_key_and_a_wrong_type(workplace, capsys):
    assert "did you mean 'training.phases'?" in refuse(capsys, "training.phaes=[]")
    assert "training.batch_size='many'" in refuse(capsys, "training.batch_size=many")


def test_bad_images_are_reported_and_the_rest_is_used(workplace, capsys):
    bold = Path("images/bold")
    (bold / "zero.jpg").touch()
    (bold / "text.png").write_text("not an image")
    (bold / "notes.txt").write_text("not even named like one")
    whole = (bold / "whole.jpg").absolute()
    Image.effect_noise((64, 64), 50).save(whole)
    (bold / "truncated.jpg").write_bytes(whole.read_bytes()[:600])
    Image.new("RGB", (20, 20), "red").save(bold / "really a png.jpg", "PNG")
    Image.new("RGB", (20, 20), "blue").save(bold / "naïve Ölbild 浮世絵.jpg")
    assert train("--quiet", "--run-name", "run") == 0
    rejected = Path("prepared/rejected.csv").read_text()
    for name in ("zero.jpg", "text.png", "truncated.jpg"):
        assert name in rejected
    prepared = {path.name for path in Path("prepared").rglob("*.*")}
    assert any("naïve Ölbild 浮世絵" in name for name in prepared)
    assert any("really a png" in name for name in prepared)


def test_a_style_without_a_readable_image(workplace, capsys):
    for path in Path("images/fine").iterdir():
        path.write_bytes(b"broken")
    assert "fine" in refuse(capsys)
