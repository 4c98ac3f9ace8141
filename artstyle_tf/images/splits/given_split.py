"""A split that the image folders give, see `split_folders`: used as it is, and completed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.splits.splitting import SPLITS, split_images
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

FOLDER_SPLIT = "folder_split"
"""Column of an index whose folders are a split."""


def is_split_already(index: ImageIndex) -> bool:
    """Whether the folders of the images are a split."""
    return FOLDER_SPLIT in index.images


def split_by_folders(
    index: ImageIndex, *, fractions: Mapping[str, float], seed: int, reporter: Reporter
) -> pd.DataFrame:
    """Uses the split of the folders; if they have no validation images, draws some from train.

    Groups and copies are where the folders have them, so that leaks are to be looked for; only what
    is drawn from train divides none of them.

    Args:
        index: of folders that are a split.
        fractions: split -> share; train and val say which share of train is drawn for val.
        seed: of the drawing.
        reporter: told what is used.

    Returns:
        The images of the index with the column split.

    Raises:
        ArtstyleError: if the images in train cannot be divided.
    """
    images = index.images.drop(columns=FOLDER_SPLIT).assign(
        split=index.images[FOLDER_SPLIT].astype(str)
    )
    reporter.info(describe_given_split(index))
    if (images["split"] == "val").any():
        return images
    learned = images[images["split"] == "train"]
    shares = {split: fractions[split] for split in ("train", "val")}
    total = sum(shares.values())
    drawn = split_images(
        learned.drop(columns="split"),
        fractions={split: share / total for split, share in shares.items()},
        seed=seed,
    )
    images.loc[drawn.index, "split"] = drawn["split"]
    number = int((drawn["split"] == "val").sum())
    reporter.info(
        f"There is no folder of validation images: {number} of the {len(learned)} images in train "
        "are drawn for it, of every style its share, without dividing groups or copies."
    )
    return images


def describe_given_split(index: ImageIndex) -> str:
    """What is used, in a sentence."""
    counts = index.images[FOLDER_SPLIT].value_counts()
    told = ", ".join(f"{counts[split]} {split}" for split in SPLITS if split in counts)
    missing = "" if "test" in counts else "; there is no test split"
    return f"{index.root} is split already, by its folders, and used so: {told}{missing}."


def check_split_file_agrees(index: ImageIndex, images: pd.DataFrame, split_file: str) -> None:
    """Checks that a split file says nothing else than the folders, as the one a run wrote.

    Args:
        index: of folders that are a split.
        images: of the index, with the column split as the file has it.
        split_file: its path, for the message.

    Raises:
        ArtstyleError: naming images that lie elsewhere.
    """
    has_val = (index.images[FOLDER_SPLIT] == "val").any()
    by_folder, by_file = images[FOLDER_SPLIT], images["split"]
    # Without a folder for them, validation images come from train.
    agrees = (by_folder == by_file) | (~has_val & (by_folder == "train") & (by_file == "val"))
    if not agrees.all():
        differing = images[~agrees]
        told = differing["path"] + " in " + differing["split"]
        raise ArtstyleError(
            f"The split file {split_file} contradicts the folders of {index.root}, which are split "
            "already",
            received=f"{len(differing)}: {examples(told)}",
            expected="one split: that of the folders, or that of the file",
            fix="leave data.split_file out, or put the images of a style into one folder <style>/",
        )


def judged_part(index: ImageIndex, reporter: Reporter) -> ImageIndex:
    """What a finished run is evaluated on: of folders that are a split, the test split alone.

    Args:
        index: of any folder.
        reporter: told which images are used.

    Returns:
        The index; reduced to the test split if the folders give one.
    """
    if not is_split_already(index):
        return index
    images = index.images.drop(columns=FOLDER_SPLIT)
    is_test = index.images[FOLDER_SPLIT] == "test"
    if not is_test.any():
        reporter.info(
            f"{index.root} is split already, by its folders, but has no test split: all "
            f"{len(images)} images are used."
        )
        return ImageIndex(index.root, images, index.ignored)
    reporter.info(
        f"{index.root} is split already, by its folders: only the {int(is_test.sum())} images of "
        f"its test split are used, not the other {int((~is_test).sum())}."
    )
    return ImageIndex(index.root, images[is_test].reset_index(drop=True), index.ignored)
