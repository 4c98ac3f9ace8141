"""Use and complete a split that is given by the image folders, see `split_folders`."""

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
    """Return whether the folders of the images are a split."""
    return FOLDER_SPLIT in index.images


def split_by_folders(
    index: ImageIndex, *, fractions: Mapping[str, float], seed: int, reporter: Reporter
) -> pd.DataFrame:
    """Use the split of the folders; without validation images, draw some from train.

    Groups and copies stay where the folders have them, so leaks have to be searched for; only the
    draw from train divides none of them.

    Args:
        index: of folders that are a split.
        fractions: split -> share; train and val determine the share of train drawn for val.
        seed: of the draw.
        reporter: gets a description of the split.

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
    training = images[images["split"] == "train"]
    shares = {split: fractions[split] for split in ("train", "val")}
    total = sum(shares.values())
    drawn = split_images(
        training.drop(columns="split"),
        fractions={split: share / total for split, share in shares.items()},
        seed=seed,
    )
    images.loc[drawn.index, "split"] = drawn["split"]
    number = int((drawn["split"] == "val").sum())
    reporter.info(
        f"There is no folder of validation images: {number} of the {len(training)} images in train "
        "are drawn for it, stratified by style, without dividing groups or copies."
    )
    return images


def describe_given_split(index: ImageIndex) -> str:
    """Describe the split of the folders in a sentence."""
    counts = index.images[FOLDER_SPLIT].value_counts()
    sizes = ", ".join(f"{counts[split]} {split}" for split in SPLITS if split in counts)
    missing = "" if "test" in counts else "; there is no test split"
    return f"{index.root} is split already, by its folders, and used so: {sizes}{missing}."


def check_split_file_agrees(index: ImageIndex, images: pd.DataFrame, split_file: str) -> None:
    """Check that the column split of images, read from a split file, agrees with the folders.

    Raises:
        ArtstyleError: naming images in other splits.
    """
    has_val = (index.images[FOLDER_SPLIT] == "val").any()
    by_folder, by_file = images[FOLDER_SPLIT], images["split"]
    # Without a folder for them, validation images are drawn from train.
    agrees = (by_folder == by_file) | (~has_val & (by_folder == "train") & (by_file == "val"))
    if not agrees.all():
        differing = images[~agrees]
        named = differing["path"] + " in " + differing["split"]
        raise ArtstyleError(
            f"The split file {split_file} contradicts the folders of {index.root}, which are split "
            "already",
            received=f"{len(differing)}: {examples(named)}",
            expected="one split: that of the folders, or that of the file",
            fix="leave data.split_file out, or put the images of a style into one folder <style>/",
        )


def evaluated_part(index: ImageIndex, reporter: Reporter) -> ImageIndex:
    """Return the images for evaluating a finished run: of split folders, the test split alone.

    Args:
        index: of any folder.
        reporter: gets a note about which images are used.
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
