"""Which pictures are learnt from, which decide, which judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import with_one_spelling
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.image_tables import (
    csv_text,
    examples,
    match_pictures,
    read_picture_table,
    same_text,
)
from artstyle_tf.images.index.ties import Ties, size_in_words
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import SILENT, Reporter

SPLITS = ("train", "val", "test")


def split_pictures(
    pictures: pd.DataFrame, *, fractions: Mapping[str, float], seed: int
) -> pd.DataFrame:
    """Splits every class by the same fractions and keeps groups together.

    A group, files with the same bytes and pictures that look the same never lie in two splits: a
    score on a picture whose sibling was learnt from flatters. Groups of several pictures are placed
    first, the largest ones first, each where the classes lack most; single pictures then fill up
    what is missing. Without groups every class is therefore divided exactly (by largest
    remainders).

    Args:
        pictures: columns path and label; group, digest and looks_like if known.
        fractions: split -> share; shares add up to 1, a split that is left out gets none.
        seed: of the shuffling. The result depends on it and on the pictures, not on their order.

    Returns:
        A copy with the column split, one of `SPLITS`.

    Raises:
        ArtstyleError: if a class has too few pictures, or too few groups, for its share of each
            split, or the fractions are none.
    """
    splits, shares = _checked_fractions(fractions)
    ordered = pictures.sort_values("path")
    labels, class_names = pd.factorize(ordered["label"], sort=True)
    ties = _ties(ordered)
    _check_class_sizes(labels, ties, list(class_names), splits)

    chosen = stratify(labels, ties.clusters, shares, np.random.default_rng(seed))
    _check_every_class_everywhere(labels, ties, chosen, list(class_names), splits)
    names = pd.Series(np.array(splits, dtype=object)[chosen], index=ordered.index, dtype=str)
    return pictures.assign(split=names)


def split_what_can_be(
    pictures: pd.DataFrame, *, fractions: Mapping[str, float], seed: int, reporter: Reporter
) -> pd.DataFrame:
    """Split images that are only looked at: styles too small to be split stay whole, in train.

    Args:
        pictures: as for `split_pictures`.
        fractions: likewise.
        seed: likewise.
        reporter: told what is not split.

    Returns:
        A copy with the column split, one of `SPLITS`.
    """
    splits, _ = _checked_fractions(fractions)
    ties = _ties(pictures)
    groups = pd.Series(ties.clusters, index=pictures.index)
    num_groups = groups.groupby(pictures["label"]).nunique()
    small = sorted(num_groups.index[num_groups < len(splits)])
    is_small = pictures["label"].isin(small)
    divided = pictures.assign(split="train")
    if small:
        labels = pictures["label"].to_numpy()
        told = (f"{style}{ties.why_so_few(labels == style)}" for style in small)
        reporter.warn(
            f"Too small to be split, and therefore whole among the training images: "
            f"{examples(told)}."
        )
    if not is_small.all():
        try:
            found = split_pictures(pictures[~is_small], fractions=fractions, seed=seed)
        except ArtstyleError as error:
            reporter.warn(f"All images count as training images. {error}")
            return divided
        divided.loc[found.index, "split"] = found["split"]
        # A copy of an image that was split goes where that one is.
        split_of_group = found["split"].groupby(groups[found.index]).first()
        theirs = groups[is_small].map(split_of_group)
        divided.loc[theirs.dropna().index, "split"] = theirs.dropna()
    return divided


def write_split(pictures: pd.DataFrame, path: Path) -> None:
    """Writes path, label, split and group as CSV, so that the split can be read and given again.

    Args:
        pictures: what `split_pictures` or `read_split` returned.
        path: the CSV file.

    Raises:
        ArtstyleError: if it cannot be written.
    """
    columns = ["path", "label", "split", "group"]
    table = pictures.sort_values("path")[columns]
    write_text(Path(path), csv_text(table))


def read_split(path: Path, index: ImageIndex, reporter: Reporter = SILENT) -> pd.DataFrame:
    """Applies a given split file to the pictures on disk.

    Args:
        path: CSV file with the columns path, label, split and perhaps group. Its paths are
            relative to the pictures' root or to the file's own folder, or absolute. Its groups
            replace those of the index.
        index: the pictures on disk.
        reporter: gets a warning about pictures that the file leaves out.

    Returns:
        The index's pictures that the file names, sorted by path, with the column split.

    Raises:
        ArtstyleError: if the file contradicts itself or the disk, or leaves train or val empty.
    """
    path = Path(path)
    table = _matched_rows(path, index)
    pictures = index.pictures.merge(table, on="path")
    names = set(index.pictures["label"])
    agrees = [
        _is_called(style, listed, names)
        for style, listed in zip(pictures["label"], pictures["listed_label"], strict=True)
    ]
    contradicting = pictures[~np.array(agrees, dtype=bool)]
    _refuse(
        f"The split file {path} contradicts the folders",
        contradicting["path"] + " is called " + contradicting["listed_label"],
        expected="the name of the style folder in the column label",
    )
    for split in ("train", "val"):
        if split not in set(pictures["split"]):
            raise ArtstyleError(
                f"The split file {path} has no picture in {split}",
                expected="pictures in train, to learn from, and in val, to decide by",
            )
    if "listed_group" in pictures:
        listed = pictures["listed_group"].where(
            pictures["listed_group"].str.strip() != "", pictures["group"]
        )
        pictures["group"] = with_one_spelling(listed, list(pictures["path"]))
    _warn_about_what_is_left_out(path, index, pictures, reporter)
    return pictures[[*index.pictures.columns, "split"]].sort_values("path", ignore_index=True)


def _matched_rows(path: Path, index: ImageIndex) -> pd.DataFrame:
    """The rows of a split file, with path as in the index and listed_label, listed_group, split."""
    table = read_picture_table(path, columns=("path", "label", "split"), what="split file")
    table["split"] = table["split"].str.strip()
    _refuse(
        f"The split file {path} uses words that are no split",
        table.loc[~table["split"].isin(SPLITS), "split"].drop_duplicates(),
        expected="train, val or test in the column split",
    )
    known = index.pictures["path"]
    matched = match_pictures(table["path"], known=known, root=index.root, folder=path.parent)
    table["match"] = pd.Series(matched, index=table.index, dtype=object)
    _refuse(
        f"The split file {path} names pictures that are not in {index.root}",
        table.loc[table["match"].isna(), "path"],
        expected=f"paths relative to {index.root} or to the file's own folder",
        fix="correct the paths, or point data.images to the pictures of this split",
    )
    _refuse(
        f"The split file {path} names pictures more than once",
        table.loc[table["match"].duplicated(), "path"],
        fix="keep one row per picture",
    )
    # Other columns of the file are its owner's business and could be called like one of ours.
    table["path"] = table["match"].astype(known.dtype)
    ours = [column for column in ("path", "label", "split", "group") if column in table]
    return table[ours].rename(columns={"label": "listed_label", "group": "listed_group"})


def _is_called(style: str, listed: str, names: set[str]) -> bool:
    """Whether a cell names a style folder, perhaps with blanks or accents stored otherwise."""
    return style == listed or (listed not in names and same_text(style) == same_text(listed))


def _refuse(
    happened: str, offending: pd.Series, *, expected: str | None = None, fix: str | None = None
) -> None:
    if len(offending):
        received = f"{len(offending)}: {examples(offending)}"
        raise ArtstyleError(happened, received=received, expected=expected, fix=fix)


def _warn_about_what_is_left_out(
    path: Path, index: ImageIndex, pictures: pd.DataFrame, reporter: Reporter
) -> None:
    left_out = sorted(set(index.pictures["path"]).difference(pictures["path"]))
    if left_out:
        reporter.warn(
            f"{len(left_out)} pictures are left out because {path} does not name them:"
            f" {examples(left_out)}."
        )


def _checked_fractions(fractions: Mapping[str, float]) -> tuple[tuple[str, ...], np.ndarray]:
    values = list(fractions.values())
    if set(fractions) - set(SPLITS) or min(values, default=-1) < 0 or abs(sum(values) - 1) > 1e-6:
        raise ArtstyleError(
            "These are no shares to split by",
            received=dict(fractions),
            expected="shares of train, val and test, none below 0, that add up to 1",
        )
    splits = tuple(split for split in SPLITS if fractions.get(split, 0) > 0)
    return splits, np.array([fractions[split] for split in splits])


def _ties(pictures: pd.DataFrame) -> Ties:
    """What keeps pictures together: a group, a file's bytes, or that they look the same."""
    return Ties(
        pictures["path"],
        group=pictures.get("group"),
        digest=pictures.get("digest"),
        looks_like=pictures.get("looks_like"),
    )


def _check_class_sizes(
    labels: np.ndarray, ties: Ties, class_names: list[str], splits: tuple[str, ...]
) -> None:
    pairs = np.unique(np.stack([labels, ties.clusters]), axis=1)
    num_groups = np.bincount(pairs[0], minlength=len(class_names))
    num_pictures = np.bincount(labels, minlength=len(class_names))
    small = np.flatnonzero(num_groups < len(splits))
    if len(small) == 0:
        return
    received = examples(
        f"{class_names[number]} with {size_in_words(num_pictures[number], num_groups[number])}"
        f"{ties.why_so_few(labels == number)}"
        for number in small
    )
    remedy = ties.remedy(labels == number for number in small) or "add pictures to the style"
    raise ArtstyleError(
        "A style is too small to split" if len(small) == 1 else "Styles are too small to split",
        received=received,
        expected=f"at least {len(splits)} pictures of different groups, one for each of"
        f" {', '.join(splits)} (a picture without siblings is a group of its own)",
        fix=f"{remedy}; or take the style's folder away",
    )


def _check_every_class_everywhere(
    labels: np.ndarray,
    ties: Ties,
    chosen: np.ndarray,
    class_names: list[str],
    splits: tuple[str, ...],
) -> None:
    for label, name in enumerate(class_names):
        of_class = labels == label
        if len(np.unique(chosen[of_class])) < len(splits):
            raise ArtstyleError(
                f"The groups of the style {name} cannot be split",
                received=f"{len(np.unique(ties.clusters[of_class]))} groups, some with other"
                f" styles too{ties.why_so_few(of_class)}",
                expected=f"pictures of the style in each of {', '.join(splits)} although no group"
                " lies in two of them",
                fix="add pictures of other groups, or try another seed",
            )
