"""Find images on several sides of the split, whose scores would be inflated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import connected, suggest_group_pattern
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.index.known_images import MOST_DIFFERENT_BITS_OF_COPIES, turned_pairs
from artstyle_tf.images.index.near_duplicates import hashes_from_text
from artstyle_tf.system.progress import Reporter

KINDS = (
    "duplicates_across_splits",
    "mirrored_across_splits",
    "duplicates_across_styles",
    "group_across_splits",
)
COLUMNS = ("kind", "num_images", "splits", "styles", "images")

_DESCRIPTIONS = {
    "duplicates_across_splits": "look the same but lie in several splits: scores are inflated",
    "mirrored_across_splits": "are mirrored or turned copies of each other but lie in several "
    "splits: scores are inflated",
    "duplicates_across_styles": "look the same but lie in several styles: one must be wrong",
}


def check_leaks(index: ImageIndex, images: pd.DataFrame, reporter: Reporter) -> pd.DataFrame:
    """Find leaks with `find_leaks` and warn about them.

    Args:
        index: of all images.
        images: with their splits.
        reporter: gets the warnings.
    """
    leaks = find_leaks(images)
    for text in leaks_in_words(leaks, images).values():
        reporter.warn(text)
    if not has_groups(index):
        suggest_groups(index, reporter)
    return leaks


def find_leaks(images: pd.DataFrame) -> pd.DataFrame:
    """Find copies in several splits or styles, and groups in several splits.

    Args:
        images: columns path, label, group, digest, split and perhaps looks_like (equal for
            images that look the same) with perceptual_hash (as text).

    Returns:
        One row per set of images, with the columns `COLUMNS`: kind is of `KINDS`; splits, styles
        and images are names, separated by "; ".
    """
    copies = images.get("looks_like", images["digest"])
    rows = [
        *_sets("duplicates_across_splits", images, copies, across="split"),
        *_sets("mirrored_across_splits", images, _mirrored(images), across="split"),
        *_sets("duplicates_across_styles", images, copies, across="label"),
        *_sets("group_across_splits", images, images["group"], across="split"),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def count_leaks(leaks: pd.DataFrame) -> dict[str, int]:
    """Count the sets of each kind."""
    counts = leaks["kind"].value_counts()
    return {kind: int(counts.get(kind, 0)) for kind in KINDS}


def leaks_in_words(leaks: pd.DataFrame, images: pd.DataFrame) -> dict[str, str]:
    """Describe the leaks of images, kind -> sentences, for the kinds that `find_leaks` has found.

    Groups are described only by their number, because there can be many.
    """
    texts = {}
    for kind, description in _DESCRIPTIONS.items():
        found = leaks[leaks["kind"] == kind]
        if len(found):
            noun = "set of images" if len(found) == 1 else "sets of images"
            texts[kind] = f"{len(found)} {noun} {description}. {examples(found['images'])}."
    num_groups = count_leaks(leaks)["group_across_splits"]
    if num_groups:
        is_evaluated = images["split"] != "train"
        trained = set(images.loc[~is_evaluated, "group"])
        num_known = int((is_evaluated & images["group"].isin(trained)).sum())
        names = "group lies" if num_groups == 1 else "groups lie"
        texts["group_across_splits"] = (
            f"{num_groups} {names} in more than one split: {num_known} of "
            f"{int(is_evaluated.sum())} validation and test images have siblings among the "
            "training images, and scores are inflated."
        )
    return texts


def warn_about_turned(images: pd.DataFrame, reporter: Reporter) -> None:
    """Warn if images that folds may divide are mirrored or turned copies of each other.

    Args:
        images: columns path, and looks_like and perceptual_hash unless they are to be ignored.
        reporter: gets the warning.
    """
    if "looks_like" not in images:
        return
    hashes, is_usable = hashes_from_text(images["perceptual_hash"].tolist())
    numbers = np.flatnonzero(is_usable)
    pairs = _turned_pairs(hashes, numbers, numbers)
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
        f"are inflated. {examples(named)}. Remove one of each, or name them in data.group_file."
    )


def has_groups(index: ImageIndex) -> bool:
    """Return whether any two images are known to belong together."""
    return bool(index.images["group"].duplicated().any())


def suggest_groups(index: ImageIndex, reporter: Reporter) -> str:
    """Warn if file names seem to contain groups; return how the user can define groups."""
    images = index.images
    pattern = suggest_group_pattern(list(images["path"]), list(images["label"]))
    if pattern is None:
        return "set data.group_pattern or data.group_file"
    fix = f"try data.group_pattern='{pattern}'"
    reporter.warn(
        "File names seem to contain the group of an image, such as its artist. Scores are inflated "
        f"when a group lies on both sides of a split; {fix}."
    )
    return fix


def _mirrored(images: pd.DataFrame) -> pd.Series:
    """Number images so that mirrored or turned copies in different splits are equal."""
    own = np.arange(len(images))
    if not {"looks_like", "perceptual_hash"} <= set(images):
        return pd.Series(own, index=images.index)
    hashes, is_usable = hashes_from_text(images["perceptual_hash"].tolist())
    splits = images["split"].to_numpy()
    first, second = [own], [-1 - own]
    rest = np.flatnonzero(is_usable)
    # Each split with those that follow: images are compared across splits only.
    for split in sorted(set(splits), key=lambda name: -np.sum(splits == name)):
        chosen, rest = rest[splits[rest] == split], rest[splits[rest] != split]
        one, other = _turned_pairs(hashes, chosen, rest).T
        # Each pair is a key that both share; an image without a pair has only itself.
        number = len(images) + sum(map(len, first)) + np.arange(len(one))
        first += [one, other]
        second += [number, number]
    numbers = connected(np.concatenate(first), np.concatenate(second))[: len(images)]
    return pd.Series(numbers, index=images.index)


def _turned_pairs(hashes: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Find mirrored or turned copies among two sets of positions: int [P, 2] positions."""
    pairs = turned_pairs(
        hashes[rows], hashes[others], most_different_bits=MOST_DIFFERENT_BITS_OF_COPIES
    )
    return np.stack([rows[pairs[:, 0]], others[pairs[:, 1]]], axis=1)


def _sets(
    kind: str, images: pd.DataFrame, keys: pd.Series, *, across: str
) -> list[tuple[str, int, str, str, str]]:
    spread = images.groupby(keys)[across].transform("nunique") > 1
    return [
        (
            kind,
            len(rows),
            "; ".join(sorted(set(rows["split"]))),
            "; ".join(sorted(set(rows["label"]))),
            "; ".join(rows["path"]),
        )
        for _, rows in images[spread].groupby(keys[spread], sort=False)
    ]
