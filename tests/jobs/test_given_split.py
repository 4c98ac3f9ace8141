"""Folders that are already split, and checks that all verbs share, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.cli.main import main
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.splits.given_split import evaluated_part
from artstyle_tf.system.progress import SILENT

CONFIG = """
kind: direct
data: {images: images, prepared: prepared, preparation_workers: 1, views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  batch_size: 8
  linear_probe: {method: logistic, C: 4.0}
  select_epoch_on: validation
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]
report: false
"""
TRIPLET = """
kind: triplet
data: {images: images, prepared: prepared, preparation_workers: 1, views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dimension: 8}
training:
  batch: {classes: 2, images_per_class: 2}
  projection_init: {method: logistic, C: 4.0}
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3, loss: semi_hard}]
  loss: {margin: 0.2}
report: false
"""


@pytest.fixture
def workplace(tmp_path, monkeypatch, tiny_network_by_name):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    Path("triplet.yaml").write_text(TRIPLET)
    return tmp_path


@pytest.fixture
def ask(workplace, capsys):
    """Function (verb, *arguments) -> exit code, the JSON object, the messages on stderr."""

    def ask(verb, *arguments, config="config.yaml"):
        options = [] if config is None else ["--config", config]
        code = main([*options, *arguments, "--json"], verb=verb)
        captured = capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    return ask


@pytest.fixture
def split_folder(workplace, write_images):
    """Function: writes <split>/<style>/ with other images in every split."""

    def write(**images_a_style):
        for seed, (split, count) in enumerate(images_a_style.items()):
            write_images(Path("images", split), {"bold": count, "fine": count}, seed=seed)

    return write


def test_the_split_of_the_folders_is_used_and_reported(ask, split_folder):
    split_folder(Train=5, Valid=3, TEST=2)
    code, answer, notes = ask("prepare-data")
    assert code == 0
    assert answer["per_class"] == {
        style: {"train": 5, "val": 3, "test": 2} for style in ("bold", "fine")
    }
    assert "images is split already, by its folders, and used so: 10 train, 6 val, 4 test" in notes
    manifest = pd.read_csv("prepared/manifest.csv")
    folders = manifest["source"].str.split("/").str[0]
    assert dict(zip(folders, manifest["split"], strict=True)) == {
        "Train": "train",
        "Valid": "val",
        "TEST": "test",
    }


@pytest.mark.parametrize("verb", ["train-direct", "train-triplet", "tune"])
def test_other_verbs_agree(ask, split_folder, verb):
    split_folder(train=5, val=3, test=2)
    config = "triplet.yaml" if verb == "train-triplet" else "config.yaml"
    if verb == "tune":
        space = "tuning: {space: {training.batch_size: {type: int, low: 4, high: 8}}}\n"
        Path("config.yaml").write_text(CONFIG + space)
    code, answer, notes = ask(verb, "--dry-run", config=config)
    assert code == 0, notes
    assert answer["num_images"] == {"train": 10, "val": 6, "test": 4}
    assert answer.get("classes", ["bold", "fine"]) == ["bold", "fine"]


def test_cross_validation_divides_all_images_and_reports_it(ask, split_folder):
    split_folder(train=5, val=3, test=2)
    code, answer, notes = ask("cross-validate", "--dry-run")
    assert (code, answer["num_images"]) == (0, 20)
    assert "Folds are made of all images; the split of the folders is not used" in notes
    _, answer, notes = ask("cross-validate", "--dry-run", "cross_validation.with_test_split=false")
    assert answer["num_images"] == 16
    assert "Folds are made of the training and validation images" in notes


def test_validation_is_drawn_from_train_where_there_is_none(ask, split_folder):
    split_folder(train=16, test=4)
    pattern = "data.group_pattern=^([^_]+)_"  # four siblings in two groups
    code, answer, notes = ask("train-direct", "--dry-run", pattern, "data.split.seed=3")
    assert code == 0
    assert answer["num_images"]["test"] == 8
    assert answer["num_images"]["train"] + answer["num_images"]["val"] == 32
    number = answer["num_images"]["val"]
    assert f"There is no folder of validation images: {number} of the 32 images in train" in notes
    assert ask("prepare-data", pattern, "data.split.seed=3")[0] == 0
    first = pd.read_csv("prepared/manifest.csv").set_index("source")["split"]
    learned = pd.read_csv("prepared/manifest.csv").query("split != 'test'")
    assert learned.groupby("group")["split"].nunique().max() == 1  # no group is divided
    assert set(learned.query("split == 'val'")["label"]) == {"bold", "fine"}
    ask("prepare-data", pattern, "data.split.seed=3", "data.prepared=again")
    again = pd.read_csv("again/manifest.csv").set_index("source")["split"]
    assert again.equals(first)


def test_without_a_test_folder_there_is_no_test_split(ask, split_folder):
    split_folder(train=5, val=3)
    code, answer, notes = ask("train-direct", "--dry-run")
    assert (code, answer["num_images"]) == (0, {"train": 10, "val": 6})
    assert "there is no test split" in notes


def test_copies_on_both_sides_of_the_folders_are_leaks(ask, split_folder):
    split_folder(train=4, val=3, test=3)
    copied = next(Path("images/train/bold").iterdir())
    Path("images/test/bold/copy.png").write_bytes(copied.read_bytes())
    _, answer, notes = ask("prepare-data", "--dry-run")
    assert answer["leaks"]["duplicates_across_splits"] == 1
    assert "test/bold/copy.png" in notes


def test_a_run_can_be_repeated_by_its_split_file_but_not_contradicted(ask, split_folder):
    split_folder(train=8, test=3)
    rows = [
        (path.relative_to("images").as_posix(), path.parent.name, path.parts[1])
        for path in sorted(Path("images").rglob("*.png"))
    ]
    table = pd.DataFrame(rows, columns=["path", "label", "split"])
    table.loc[table.index % 4 == 0, "split"] = table["split"].replace("train", "val")
    table.to_csv("split.csv", index=False)
    code, _, _ = ask("prepare-data", "--dry-run", "data.split_file=split.csv")
    assert code == 0
    table.assign(split=table["split"].replace("test", "train")).to_csv("split.csv", index=False)
    code, answer, _ = ask("prepare-data", "--dry-run", "data.split_file=split.csv")
    assert code == 2
    assert "contradicts the folders of images" in answer["error"]


def test_what_is_ambiguous_is_refused_by_training_and_inspection_alike(ask, split_folder):
    split_folder(train=3, val=3, validation=3)
    errors = {
        ask("train-direct", "--dry-run")[1]["error"],
        ask("inspect-data", "--images", "images", config=None)[1]["error"],
    }
    assert len(errors) == 1
    assert "val, validation, which all mean val" in errors.pop()


def test_a_folder_that_is_split_is_evaluated_on_its_test_split(split_folder):
    split_folder(train=5, val=3, test=2)
    notes = []
    reporter = type("Heard", (), {"info": lambda self, text: notes.append(text)})()
    index = evaluated_part(index_images(Path("images")), reporter)
    assert set(index.images["path"].str.split("/").str[0]) == {"test"}
    assert list(index.images["label"]) == ["bold", "bold", "fine", "fine"]
    assert "only the 4 images of its test split are used, not the other 16" in notes[0]


def test_a_folder_without_test_split_is_evaluated_as_a_whole(split_folder):
    split_folder(train=5, val=3)
    index = evaluated_part(index_images(Path("images")), SILENT)
    assert len(index.images) == 16
    assert set(index.images["label"]) == {"bold", "fine"}


def test_styles_named_like_splits_stay_styles_with_a_warning(ask, write_images):
    write_images(Path("images"), {"train": 4, "test": 4})
    code, answer, notes = ask("prepare-data", "--dry-run")
    assert (code, set(answer["per_class"])) == (0, {"train", "test"})
    assert "like parts of a split, and are taken for styles" in notes


@pytest.fixture
def never_learned(workplace, write_images):
    """Write a style that is only in val and test of the split file."""
    write_images(Path("images"), {"bold": 6, "fine": 6, "rare": 4})
    splits = {True: ["val", "test"] * 2, False: ["train"] * 2 + ["val", "test"] * 2}
    rows = [
        (path.relative_to("images").as_posix(), style, split)
        for style in ("bold", "fine", "rare")
        for path, split in zip(
            sorted(Path("images", style).iterdir()), splits[style == "rare"], strict=True
        )
    ]
    pd.DataFrame(rows, columns=["path", "label", "split"]).to_csv("split.csv", index=False)
    return "The style rare has no usable image in train. Received: train 0, val 2, test 2."


@pytest.mark.parametrize(
    ("verb", "config"),
    [
        ("prepare-data", "config.yaml"),
        ("train-direct", "config.yaml"),
        ("train-triplet", "triplet.yaml"),
        ("cross-validate", "config.yaml"),
    ],
)
def test_a_dry_run_refuses_what_training_refuses(ask, never_learned, verb, config):
    for option in (["--dry-run"], []):
        code, answer, _ = ask(verb, "data.split_file=split.csv", *option, config=config)
        assert code == 2
        assert never_learned in answer["error"]
    assert not Path("outputs").exists()
    assert not Path("prepared").exists()


def inspected(ask, *arguments):
    from artstyle_tf.inspection import inspect_data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect_data, "draw_figures", lambda *arguments: None)
        code, answer, _ = ask(
            "inspect-data", "--images", "images", "--fail-on", "error", *arguments, config=None
        )
    return code, {finding["code"]: finding["text"] for finding in answer["findings"]}


def test_an_inspection_finds_it_too_in_the_same_words(ask, never_learned):
    code, findings = inspected(ask, "--split-file", "split.csv")
    assert code == 1
    assert findings["cannot_be_trained"].startswith(never_learned)


def test_an_inspection_finds_a_style_of_which_nothing_can_be_read(ask, write_images):
    write_images(Path("images"), {"bold": 6, "fine": 6})
    for path in Path("images/fine").iterdir():
        path.write_bytes(f"broken {path.name}".encode())  # copies would be one group
    _, findings = inspected(ask)
    assert "The style fine has no usable image in train" in findings["cannot_be_trained"]
    assert "(none can be read)" in findings["cannot_be_trained"]


def test_an_inspection_notes_a_split_and_fails_for_one_style(ask, split_folder, write_images):
    split_folder(train=4, val=3, test=3)
    _, findings = inspected(ask)
    assert "used so: 8 train, 6 val, 6 test" in findings["split_by_folders"]
    write_images(Path("alone"), {"bold": 4})
    code, findings = inspected(ask, "--images", "alone")
    assert code == 1
    assert "one_style" in findings


def test_a_style_that_a_split_file_leaves_out_is_no_class(ask, never_learned):
    table = pd.read_csv("split.csv").query("label != 'rare'")
    table.to_csv("split.csv", index=False)
    code, answer, notes = ask("train-direct", "--dry-run", "data.split_file=split.csv")
    assert (code, answer["classes"]) == (0, ["bold", "fine"])
    assert "4 images are left out" in notes
    table.query("label == 'bold'").to_csv("split.csv", index=False)
    code, answer, _ = ask("train-direct", "--dry-run", "data.split_file=split.csv")
    assert code == 2
    assert "There is only one style" in answer["error"]


def test_too_many_folds_are_refused_by_a_dry_run(ask, write_images):
    write_images(Path("images"), {"bold": 8, "fine": 5})
    code, answer, _ = ask("cross-validate", "--dry-run", "--folds", "7")
    assert code == 2
    assert "cannot be divided into 7 folds. Received: fine with 5 images" in answer["error"]


def test_fold_numbers_are_checked_before_a_study(ask, write_images):
    write_images(Path("images"), {"bold": 8, "fine": 5})
    study = """
tuning:
  space: {training.batch_size: {type: int, low: 4, high: 8}}
  objective: {scheme: random, num_folds: 7}
"""
    Path("config.yaml").write_text(CONFIG + study)
    code, answer, _ = ask("tune", "--dry-run")
    assert code == 2
    assert "cannot be divided into 7 folds" in answer["error"]


def test_alpha_auto_works_where_styles_have_one_image(tmp_path):
    from artstyle_tf.heads.ridge_choice import ALPHAS, choose_ridge

    features = np.eye(4, 6, dtype=np.float32)
    labels = np.array([0, 1, 2, 2])
    # One image cannot be divided into five folds; this never terminated.
    choice = choose_ridge(features, labels, np.arange(4), num_classes=3, balanced=True)
    assert choice.alpha in ALPHAS
