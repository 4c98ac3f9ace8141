"""An error about a style that is too small explains why its images must stay together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.images.index.ties import Ties, size_in_words
from artstyle_tf.images.splits.folds import check_folds, check_learned_in_every_fold
from artstyle_tf.images.splits.splitting import split_images, split_what_can_be
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}
PATHS = [f"{style}/{number:02}.jpg" for style in ("one", "two") for number in range(12)]
LABELS = np.repeat([0, 1], 12)
ALONE = [*range(100, 112)]  # what each image of the second style has for itself

ALIKE = {"looks_like": [7] * 12 + ALONE}
SAME_BYTES = {"digest": ["x"] * 12 + ALONE, "looks_like": [7] * 12 + ALONE}
GROUPED = {"group": ["monet"] * 12 + ALONE}
# Two groups by name, and an image of each looks like one of the other.
CHAINED = {
    "group": ["monet"] * 6 + ["manet"] * 6 + ALONE,
    "digest": list(range(24)),
    "looks_like": [*range(5), 50, 50, *range(7, 12), *ALONE],
}

LOOK = "12 look the same as another one, e.g. one/00.jpg and one/01.jpg"
BYTES = "12 have the same bytes as another one, e.g. one/00.jpg and one/01.jpg"
GROUP = "12 share the name of a group, e.g. one/00.jpg and one/01.jpg"
CHAIN = f"{GROUP}; 2 look the same as another one, e.g. one/05.jpg and one/06.jpg"

CASES = [
    (ALIKE, f"({LOOK})", "data.near_duplicates=ignore"),
    (SAME_BYTES, f"({BYTES})", "Fix: replace the copies by other images; or remove"),
    (GROUPED, f"({GROUP})", "Fix: add images of other groups, or correct the groups"),
    (CHAINED, f"({CHAIN})", "Fix: add images of other groups"),
]
cases = pytest.mark.parametrize(
    ("keys", "why", "fix"), CASES, ids=["look", "bytes", "group", "chain"]
)


def images(keys):
    return pd.DataFrame({"path": PATHS, "label": np.array(["one", "two"])[LABELS], **keys})


@cases
def test_an_impossible_split_has_a_reason(keys, why, fix):
    with pytest.raises(ArtstyleError) as caught:
        split_images(images(keys), fractions=FRACTIONS, seed=0)
    assert f"one with 12 images in 1 group {why}." in str(caught.value)
    assert fix in str(caught.value)
    assert "two with" not in str(caught.value)


@cases
def test_impossible_folds_give_a_reason(keys, why, fix):
    ties = Ties(PATHS, **keys)
    with pytest.raises(ArtstyleError) as caught:
        check_folds(LABELS, ties.clusters, num_folds=3, class_names=["one", "two"], ties=ties)
    assert f"Received: one with 12 images in 1 group {why}." in str(caught.value)
    assert fix in str(caught.value)


def test_an_indivisible_style_is_inspected_whole_with_the_reason(capsys):
    split = split_what_can_be(images(ALIKE), fractions=FRACTIONS, seed=0, reporter=Reporter())
    assert set(split.loc[split["label"] == "one", "split"]) == {"train"}
    said = " ".join(capsys.readouterr().err.split())
    assert f"among the training images: one ({LOOK})" in said


def test_images_that_are_alone_give_no_reason():
    ties = Ties(PATHS, group=PATHS, digest=range(24), looks_like=range(24))
    assert ties.why_so_few(LABELS == 0) == ""
    assert ties.remedy([LABELS == 0, LABELS == 1]) is None
    few = images({}).iloc[10:]
    with pytest.raises(ArtstyleError, match=r"one with 2 images in 2 groups\..* Fix: add images"):
        split_images(few, fractions=FRACTIONS, seed=0)


def test_ties_through_another_style_are_named():
    # Two of three images have the same look as one of the other style, and nothing else.
    ties = Ties(["a/1", "b/1", "a/2", "a/3"], digest=range(4), looks_like=[5, 5, 5, 6])
    said = ties.why_so_few(np.array([True, False, True, True]))
    assert said == " (2 look the same as another one, e.g. a/1 and a/2)"
    ties = Ties(["a/1", "a/2", "b/1"], group=["x", "y", "x"], looks_like=[1, 2, 2])
    assert ties.clusters.tolist() == [0, 0, 0]
    assert ties.why_so_few(np.array([True, True, False])) == (
        " (1 share the name of a group, e.g. a/1 and b/1; 1 look the same as another one, "
        "e.g. a/2 and b/1)"
    )


def test_a_fold_without_a_style_reports_what_ties_its_images():
    labels = np.array([0, 1, 2, 1, 1, 2, 1, 1, 1, 0, 2, 0, 0, 2, 0])
    groups = [3, 3, 0, 4, 0, 2, 4, 3, 1, 3, 0, 4, 2, 3, 4]
    ties = Ties([f"{number}.jpg" for number in range(15)], group=groups)
    with pytest.raises(ArtstyleError, match=r"c with 4 images in 3 groups \(4 share the name"):
        check_learned_in_every_fold(
            labels,
            ties.clusters,
            num_folds=2,
            class_names="abc",
            validation_fraction=0.2,
            seeds=[0],
            ties=ties,
        )


def test_sizes_in_the_singular():
    assert size_in_words(1, 1) == "1 image in 1 group"
    assert size_in_words(12, 3) == "12 images in 3 groups"
