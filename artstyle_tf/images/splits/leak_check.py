"""Before anything is learned: could the scores of this run flatter?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import suggest_group_pattern
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.index.known_images import MOST_DIFFERENT_BITS_OF_COPIES, turned_pairs
from artstyle_tf.images.index.near_duplicates import hashes_from_text
from artstyle_tf.images.splits.leaks import find_leaks, warn_about_leaks
from artstyle_tf.system.progress import Reporter


def check_leaks(index: ImageIndex, images: pd.DataFrame, reporter: Reporter) -> pd.DataFrame:
    """Finds what lies on several sides of the split, and says so.

    Args:
        index: of all images.
        images: with their splits.
        reporter: gets the warnings.

    Returns:
        What `images.splits.leaks.find_leaks` found.
    """
    leaks = find_leaks(images)
    warn_about_leaks(leaks, images, reporter)
    if not has_groups(index):
        suggest_groups(index, reporter)
    return leaks


def warn_about_turned(images: pd.DataFrame, reporter: Reporter) -> None:
    """Says so if images that folds may divide are mirrored or turned copies of each other.

    Args:
        images: columns path, and looks_like and perceptual_hash unless they are to be ignored.
        reporter: gets the warning.
    """
    if "looks_like" not in images:
        return
    hashes, is_usable = hashes_from_text(images["perceptual_hash"].tolist())
    numbers = np.flatnonzero(is_usable)
    pairs = numbers[
        turned_pairs(
            hashes[numbers], hashes[numbers], most_different_bits=MOST_DIFFERENT_BITS_OF_COPIES
        )
    ]
    looks = images["looks_like"].to_numpy()
    first, second = pairs[:, 0], pairs[:, 1]
    pairs = pairs[(first < second) & (looks[first] != looks[second])]
    if len(pairs) == 0:
        return
    paths = images["path"].to_numpy()
    named = [f"{paths[one]} and {paths[other]}" for one, other in pairs]
    what = "pair of images is" if len(pairs) == 1 else "pairs of images are"
    reporter.warn(
        f"{len(pairs)} {what} the same mirrored or turned, and may lie in different folds: scores "
        f"flatter. {examples(named)}. Remove one of each, or name them in data.group_file."
    )


def has_groups(index: ImageIndex) -> bool:
    """Whether any two images are known to belong together."""
    return bool(index.images["group"].duplicated().any())


def suggest_groups(index: ImageIndex, reporter: Reporter) -> str:
    """Says so if file names look as if they told the groups.

    Returns:
        What the user could do to have groups.
    """
    images = index.images
    pattern = suggest_group_pattern(list(images["path"]), list(images["label"]))
    if pattern is None:
        return "set data.group_pattern or data.group_file"
    fix = f"try data.group_pattern='{pattern}'"
    reporter.warn(
        "File names look as if they told which images belong together, such as the works of one "
        f"artist. Scores flatter when these lie on both sides of a split; {fix}."
    )
    return fix
