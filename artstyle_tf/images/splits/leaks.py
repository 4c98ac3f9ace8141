"""What makes a score flatter: images that were learned from and come up again to be judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import connected
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


def find_leaks(images: pd.DataFrame) -> pd.DataFrame:
    """Finds copies in several splits or styles, and groups in several splits.

    Args:
        images: columns path, label, group, digest, split and perhaps looks_like (equal for
            images that look the same) with perceptual_hash (as text).

    Returns:
        One row for each set of images, with the columns `COLUMNS`: kind is
        of `KINDS`; splits, styles and images hold names, separated by "; ".
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
    """Sets of each kind."""
    counts = leaks["kind"].value_counts()
    return {kind: int(counts.get(kind, 0)) for kind in KINDS}


def warn_about_leaks(leaks: pd.DataFrame, images: pd.DataFrame, reporter: Reporter) -> None:
    """Says what was found."""
    for text in leaks_in_words(leaks, images).values():
        reporter.warn(text)


def leaks_in_words(leaks: pd.DataFrame, images: pd.DataFrame) -> dict[str, str]:
    """What was found, in plain words; groups only by their number, for they can be many.

    Args:
        leaks: of `find_leaks`.
        images: what it was given.

    Returns:
        Kind -> sentences, for the kinds that were found.
    """
    told = {}
    for kind, text in (
        ("duplicates_across_splits", "look the same but lie in several splits: scores flatter"),
        (
            "mirrored_across_splits",
            "are mirrored or turned copies of each other but lie in several splits: scores flatter",
        ),
        ("duplicates_across_styles", "look the same but lie in several styles: one must be wrong"),
    ):
        found = leaks[leaks["kind"] == kind]
        if len(found):
            noun = "set of images" if len(found) == 1 else "sets of images"
            told[kind] = f"{len(found)} {noun} {text}. {examples(found['images'])}."
    num_groups = count_leaks(leaks)["group_across_splits"]
    if num_groups:
        is_judged = images["split"] != "train"
        learned = set(images.loc[~is_judged, "group"])
        num_known = int((is_judged & images["group"].isin(learned)).sum())
        names = "group lies" if num_groups == 1 else "groups lie"
        told["group_across_splits"] = (
            f"{num_groups} {names} in more than one split: {num_known} of {int(is_judged.sum())} "
            "images that decide or judge have siblings that are learned from, and scores flatter."
        )
    return told


def _mirrored(images: pd.DataFrame) -> pd.Series:
    """Equal for images of which one is another one, in another split, mirrored or turned."""
    nothing = pd.Series(np.arange(len(images)), index=images.index)
    if not {"looks_like", "perceptual_hash"} <= set(images):
        return nothing
    hashes, is_usable = hashes_from_text(images["perceptual_hash"].tolist())
    splits = images["split"].to_numpy()
    first, second = [nothing.to_numpy()], [-1 - nothing.to_numpy()]
    rest = np.flatnonzero(is_usable)
    # Each split with those that follow: images are compared across splits only.
    for split in sorted(set(splits), key=lambda name: -np.sum(splits == name)):
        chosen, rest = rest[splits[rest] == split], rest[splits[rest] != split]
        pairs = turned_pairs(
            hashes[chosen], hashes[rest], most_different_bits=MOST_DIFFERENT_BITS_OF_COPIES
        )
        one, other = chosen[pairs[:, 0]], rest[pairs[:, 1]]
        # Each pair is a key that both share; an image without a pair has only itself.
        number = len(images) + sum(map(len, first)) + np.arange(len(one))
        first += [one, other]
        second += [number, number]
    numbers = connected(np.concatenate(first), np.concatenate(second))[: len(images)]
    return pd.Series(numbers, index=images.index)


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
