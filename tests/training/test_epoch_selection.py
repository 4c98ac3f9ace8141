"""Selection of the number of epochs on training images of held-out groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.split_images import SplitImages, join_images, select_images
from artstyle_tf.system.progress import SILENT
from artstyle_tf.training.epoch_selection import (
    GroupFolds,
    NoGroupFoldsError,
    divide_by_group,
    select_epoch,
)

STYLES = ("bold", "fine")


def some_images(names, *, groups=None, digests=None, parents=None):
    """Training images with file names, of two styles in turn."""
    labels = np.arange(len(names), dtype=np.int32) % 2
    sources = [f"{STYLES[label]}/{name}" for label, name in zip(labels, names, strict=True)]
    rows = pd.DataFrame(
        {
            "path": [f"train/{source}" for source in sources],
            "label": np.array(STYLES)[labels],
            "group": groups or sources,
            "source": sources,
            "source_digest": digests or [f"digest of {source}" for source in sources],
            "parent": parents or [""] * len(names),
        }
    )
    store = ImageStore(rows["path"].tolist(), image_size_px=8, digests=rows["path"].tolist())
    return SplitImages(rows, labels, store)


def by_artists(count=24, artists=4):
    return [f"artist{number // 2 % artists}-{number % 2}_{number}.jpg" for number in range(count)]


def scores_of(*curves, start=None):
    """Function for `select_epoch` that returns a history with each curve in turn."""
    remaining = list(curves)

    def train_part(numbers, held_out, name, num_epochs):
        scores = remaining.pop(0)
        if num_epochs is not None:
            scores = scores[: num_epochs + 1 - (start or 0)]
        first = 0 if start is None else start
        epochs = range(first, first + len(scores))
        return pd.DataFrame({"epoch": epochs, "val_macro_f1": scores})

    return train_part


def select(images, train_part, tmp_path, *, resume=False, numbers=None):
    numbers = np.arange(len(images)) % 3 if numbers is None else numbers
    folds = GroupFolds(numbers, num_groups=8, group_pattern=None)
    return select_epoch(images, folds, train_part, folder=tmp_path, resume=resume, reporter=SILENT)


@pytest.fixture
def images():
    return some_images(by_artists())


def test_the_epoch_with_the_best_mean_wins(images, tmp_path):
    train_part = scores_of([0.5, 0.7, 0.6], [0.5, 0.4, 0.6], [0.5, 0.5, 0.6])
    selection = select(images, train_part, tmp_path)
    assert selection.epoch == 2
    assert selection.epochs == [0, 1, 2]
    assert selection.macro_f1 == pytest.approx([0.5, 1.6 / 3, 0.6])
    assert selection.summary.startswith("start 0.500, epoch 2 0.600: ")


def test_the_start_wins_a_tie(images, tmp_path):
    selection = select(images, scores_of([0.5, 0.6], [0.5, 0.5], [0.5, 0.4]), tmp_path)
    assert selection.epoch == 0


def test_an_epoch_that_one_fold_has_not_reached_is_no_candidate(images, tmp_path):
    train_part = scores_of([0.5, 0.6, 0.9], [0.5, 0.6], [0.5, 0.6, 0.9])
    selection = select(images, train_part, tmp_path)
    assert selection.epoch == 1
    assert selection.epochs == [0, 1]


def test_later_folds_train_no_epoch_that_an_earlier_one_has_not_reached(images, tmp_path):
    asked = []
    curves = [[0.5, 0.6, 0.7], [0.5, 0.6], [0.5, 0.6]]

    def train_part(numbers, held_out, name, num_epochs):
        asked.append(num_epochs)
        scores = curves[len(asked) - 1]
        return pd.DataFrame({"epoch": range(len(scores)), "val_macro_f1": scores})

    select(images, train_part, tmp_path)
    assert asked == [None, 2, 1]


def test_without_a_scored_start_one_epoch_is_trained_at_least(images, tmp_path):
    train_part = scores_of([0.6, 0.5], [0.6, 0.5], [0.6, 0.5], start=1)
    selection = select(images, train_part, tmp_path)
    assert selection.epoch == 1
    assert selection.summary.startswith("epoch 1 0.600: ")


def test_finished_folds_are_not_trained_again(images, tmp_path):
    def interrupted(numbers, held_out, name, num_epochs):
        if name == "fold_3":
            raise KeyboardInterrupt
        return pd.DataFrame({"epoch": [0, 1], "val_macro_f1": [0.5, 0.6]})

    with pytest.raises(KeyboardInterrupt):
        select(images, interrupted, tmp_path)
    selection = select(images, scores_of([0.1, 0.9]), tmp_path, resume=True)
    assert selection.folds == [[0.5, 0.6], [0.5, 0.6], [0.1, 0.9]]
    with pytest.raises(IndexError):  # not resumed: all folds are trained
        select(images, scores_of([0.1, 0.9]), tmp_path)


def test_copies_are_not_held_out_nor_trained_on_without_their_original(tmp_path):
    names = by_artists(12)
    first = f"train/{STYLES[0]}/{names[0]}"
    images = some_images([*names, "copy.jpg"], parents=[""] * 12 + [first])
    seen = []

    def train_part(numbers, held_out, name, num_epochs):
        seen.append((set(numbers), set(held_out)))
        return pd.DataFrame({"epoch": [0, 1], "val_macro_f1": [0.5, 0.6]})

    numbers = np.append(np.arange(12) % 3, 0)  # the copy in the fold of its original
    select(images, train_part, tmp_path, numbers=numbers)
    assert all(12 not in held_out for _, held_out in seen)
    assert [12 in trained for trained, _ in seen] == [False, True, True]
    assert set.union(*(held_out for _, held_out in seen)) == set(range(12))


def test_folds_have_no_artist_in_common():
    images = some_images(by_artists())
    folds = divide_by_group(images, STYLES, seed=42)
    assert folds.group_pattern == "^([^_]+)_"
    assert folds.num_groups == 8
    artists = images.rows["source"].str.extract(r"/([^_]+)_")[0]
    assert (pd.Series(folds.numbers).groupby(artists).nunique() == 1).all()
    assert set(folds.numbers) == {0, 1, 2}


def test_given_groups_are_used_rather_than_those_of_names():
    names = by_artists()
    groups = [f"{STYLES[number % 2]} {number // 2 % 3}" for number in range(len(names))]
    folds = divide_by_group(some_images(names, groups=groups), STYLES, seed=42)
    assert folds.group_pattern is None
    assert folds.num_groups == 6
    assert (pd.Series(folds.numbers).groupby(groups).nunique() == 1).all()


def test_copies_of_a_file_stay_together():
    names = by_artists()
    digests = [f"digest {number}" for number in range(len(names))]
    digests[2] = digests[0]  # artist1-0 and artist0-0 of one style
    folds = divide_by_group(some_images(names, digests=digests), STYLES, seed=42)
    assert folds.num_groups == 7
    assert folds.numbers[0] == folds.numbers[2]


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (some_images([f"IMG{number:03}x.jpg" for number in range(24)]), "no groups"),
        (some_images(by_artists(artists=2), groups=["a", "b"] * 12), "too few groups of"),
    ],
)
def test_images_that_cannot_be_divided(images, reason):
    with pytest.raises(NoGroupFoldsError, match=f"^{reason}"):
        divide_by_group(images, STYLES, seed=42)


def test_parts_of_images_keep_rows_labels_and_files_together():
    images = some_images(by_artists(6))
    first, second = (select_images(images, np.array(numbers)) for numbers in ([4, 1], [0]))
    joined = join_images(first, second)
    assert joined.rows["path"].tolist() == images.rows["path"][[4, 1, 0]].tolist()
    np.testing.assert_array_equal(joined.labels, images.labels[[4, 1, 0]])
    assert [joined.store._path(number) for number in range(3)] == joined.rows["path"].tolist()
