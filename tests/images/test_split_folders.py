"""Folders that are a split, folders that are styles, and ambiguous folders."""

from __future__ import annotations

import pytest

from artstyle_tf.images.index.split_folders import (
    recognize_layout,
    split_of_name,
    styles_named_like_splits,
)
from artstyle_tf.system.errors import ArtstyleError


def found(*folders):
    """Return path -> (label, split); None if the folders are styles."""
    paths = [f"{folder}/0.png" for folder in folders]
    layout = recognize_layout(paths)
    if not layout.splits:
        assert [layout.label(path) for path in paths] == [path.split("/")[0] for path in paths]
        return None
    return {f: (layout.label(p), layout.split(p)) for f, p in zip(folders, paths, strict=True)}


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("training", "validation", "testing"),
        ("Train", "Valid", "Test"),
        ("TRAIN", "DEV", "TEST"),
        ("train", "eval", "test"),
        ("train_set", "val-set", "test set"),
        ("trainset", "valset", "testset"),
        ("1_train", "2_val", "3_test"),
        ("train_images", "validation images", "TestImages"),
    ],
)
def test_a_split_above_the_styles(train, val, test):
    folders = [f"{split}/{style}" for split in (train, val, test) for style in ("bold", "fine")]
    splits = {train: "train", val: "val", test: "test"}
    expected = {folder: (folder.split("/")[1], splits[folder.split("/")[0]]) for folder in folders}
    assert found(*folders) == expected


def test_a_split_below_the_styles():
    assert found("bold/train", "bold/Test", "fine/Train", "fine/val") == {
        "bold/train": ("bold", "train"),
        "bold/Test": ("bold", "test"),
        "fine/Train": ("fine", "train"),
        "fine/val": ("fine", "val"),
    }


def test_folders_below_the_styles_of_a_split():
    assert found("train/bold/ann", "test/bold") == {
        "train/bold/ann": ("bold", "train"),
        "test/bold": ("bold", "test"),
    }


@pytest.mark.parametrize("missing", ["val", "test"])
def test_validation_or_test_may_be_missing(missing):
    folders = [f"{s}/{style}" for s in {"train", "val", "test"} - {missing} for style in "ab"]
    assert found(*folders) is not None


@pytest.mark.parametrize(
    "folders",
    [
        ("bold", "fine"),
        ("bold/ann", "bold/bob", "fine"),
        ("dev", "test"),  # styles, if images lie in them
        ("train", "test", "val"),
        ("dev", "bold/ann"),
        ("trains", "testament/old"),
        ("bold/train", "fine"),  # images of trains
        ("bold/test", "fine/test"),
    ],
)
def test_styles_stay_styles(folders):
    assert found(*folders) is None


@pytest.mark.parametrize(
    ("folders", "part"),
    [
        (("train/a", "train/b", "val/a", "validation/b"), "val, validation, which all mean val"),
        (("train/a", "Train/b", "test/a"), "Train, train, which all mean train"),
        (("train/a", "train", "test/a"), "images directly in train"),
        (("train/a", "train/b", "test"), "images directly in test"),
        (("train/a", "test/a", "cubism"), "test, train with folders inside, beside cubism"),
        (("test/a", "test/b"), "test alone, and no train"),
        (("val/a", "test/b"), "no train"),
        (("train/a", "train/b"), "train alone"),
        (("a/train", "a/test", "b"), "images elsewhere in b"),
        (("a/train", "a/test", "a"), "images elsewhere in a"),
        (("a/train", "a/test", "b/ann"), "images elsewhere in b"),
        (("a/train", "a/val", "a/dev", "b/train"), "dev, val in a, which all mean val"),
    ],
)
def test_what_could_be_either_is_refused_in_one_message(folders, part):
    with pytest.raises(ArtstyleError, match="looks split already, but not clearly") as caught:
        found(*folders)
    assert part in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["style", "test pattern", "", "images", "dataset", "train_test"])
def test_other_names_are_no_splits(name):
    assert split_of_name(name) is None


def test_styles_that_may_be_none():
    assert styles_named_like_splits(["test", "train"])
    assert not styles_named_like_splits(["dev", "test"])
    assert not styles_named_like_splits(["train", "test", "cubism"])
