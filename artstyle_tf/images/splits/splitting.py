"""Split images into training, validation and test images."""

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
    match_images,
    read_image_table,
    same_text,
)
from artstyle_tf.images.index.ties import Ties, size_in_words
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import SILENT, Reporter

SPLITS = ("train", "val", "test")


def split_images(
    images: pd.DataFrame, *, fractions: Mapping[str, float], seed: int
) -> pd.DataFrame:
    """Split every class by the same fractions and keep groups together, see `stratify`.

    A group, files with the same bytes and images that look the same never lie in two splits: the
    score of an image whose sibling was trained on is inflated.

    Args:
        images: columns path and label; group, digest and looks_like if known.
        fractions: split -> share; shares add up to 1, a missing split has none.
        seed: of the shuffling. The result depends on it and on the images, not on their order.

    Returns:
        A copy with the column split, one of `SPLITS`.

    Raises:
        ArtstyleError: if a class has too few images, or too few groups, for its share of each
            split, or the fractions are invalid.
    """
    splits, shares = _checked_fractions(fractions)
    ordered = images.sort_values("path")
    labels, class_names = pd.factorize(ordered["label"], sort=True)
    ties = _ties(ordered)
    _check_class_sizes(labels, ties, list(class_names), splits)

    chosen = stratify(labels, ties.clusters, shares, np.random.default_rng(seed))
    _check_every_class_everywhere(labels, ties, chosen, list(class_names), splits)
    names = pd.Series(np.array(splits, dtype=object)[chosen], index=ordered.index, dtype=str)
    return images.assign(split=names)


def split_what_can_be(
    images: pd.DataFrame, *, fractions: Mapping[str, float], seed: int, reporter: Reporter
) -> pd.DataFrame:
    """Split images that are only analyzed: styles too small to be split are put into train.

    Arguments and result as for `split_images`; the reporter gets a warning about such styles.
    """
    splits, _ = _checked_fractions(fractions)
    ties = _ties(images)
    groups = pd.Series(ties.clusters, index=images.index)
    num_groups = groups.groupby(images["label"]).nunique()
    small = sorted(num_groups.index[num_groups < len(splits)])
    is_small = images["label"].isin(small)
    divided = images.assign(split="train")
    if small:
        labels = images["label"].to_numpy()
        named = (f"{style}{ties.why_so_few(labels == style)}" for style in small)
        reporter.warn(
            f"Too small to be split, and therefore whole among the training images: "
            f"{examples(named)}."
        )
    if not is_small.all():
        try:
            found = split_images(images[~is_small], fractions=fractions, seed=seed)
        except ArtstyleError as error:
            reporter.warn(f"All images count as training images. {error}")
            return divided
        divided.loc[found.index, "split"] = found["split"]
        # A copy of a split image belongs to the same split.
        split_of_group = found["split"].groupby(groups[found.index]).first()
        of_small = groups[is_small].map(split_of_group).dropna()
        divided.loc[of_small.index, "split"] = of_small
    return divided


def write_split(images: pd.DataFrame, path: Path) -> None:
    """Write path, label, split and group as CSV for `read_split`.

    Raises:
        ArtstyleError: if it cannot be written.
    """
    table = images.sort_values("path")[["path", "label", "split", "group"]]
    write_text(Path(path), csv_text(table))


def read_split(path: Path, index: ImageIndex, reporter: Reporter = SILENT) -> pd.DataFrame:
    """Apply a given split file to the images on disk.

    Args:
        path: CSV file with the columns path, label, split and perhaps group. Its paths are
            relative to the images' root or to the file's own folder, or absolute. Its groups
            replace those of the index.
        index: the images on disk.
        reporter: gets a warning about images that the file does not name.

    Returns:
        The index's images that the file names, sorted by path, with the column split.

    Raises:
        ArtstyleError: if the file contradicts itself or the disk, or leaves train or val empty.
    """
    path = Path(path)
    table = _matched_rows(path, index)
    images = index.images.merge(table, on="path")
    names = set(index.images["label"])
    agrees = [
        _is_named(style, listed, names)
        for style, listed in zip(images["label"], images["listed_label"], strict=True)
    ]
    contradicting = images[~np.array(agrees, dtype=bool)]
    _refuse(
        f"The split file {path} contradicts the folders",
        contradicting["path"] + " is labeled " + contradicting["listed_label"],
        expected="the name of the style folder in the column label",
    )
    for split in ("train", "val"):
        if split not in set(images["split"]):
            raise ArtstyleError(
                f"The split file {path} has no image in {split}",
                expected="images in train, for training, and in val, for model selection",
            )
    if "listed_group" in images:
        listed = images["listed_group"].where(
            images["listed_group"].str.strip() != "", images["group"]
        )
        images["group"] = with_one_spelling(listed, list(images["path"]))
    left_out = sorted(set(index.images["path"]).difference(images["path"]))
    if left_out:
        reporter.warn(
            f"{len(left_out)} images are left out because {path} does not name them:"
            f" {examples(left_out)}."
        )
    return images[[*index.images.columns, "split"]].sort_values("path", ignore_index=True)


def _matched_rows(path: Path, index: ImageIndex) -> pd.DataFrame:
    """Read a split file, with path as in the index and listed_label, listed_group, split."""
    table = read_image_table(path, columns=("path", "label", "split"), what="split file")
    table["split"] = table["split"].str.strip()
    _refuse(
        f"The split file {path} uses words that are no split",
        table.loc[~table["split"].isin(SPLITS), "split"].drop_duplicates(),
        expected="train, val or test in the column split",
    )
    known = index.images["path"]
    matched = match_images(table["path"], known=known, root=index.root, folder=path.parent)
    table["match"] = pd.Series(matched, index=table.index, dtype=object)
    _refuse(
        f"The split file {path} names images that are not in {index.root}",
        table.loc[table["match"].isna(), "path"],
        expected=f"paths relative to {index.root} or to the file's own folder",
        fix="correct the paths, or point data.images to the images of this split",
    )
    _refuse(
        f"The split file {path} names images more than once",
        table.loc[table["match"].duplicated(), "path"],
        fix="keep one row per image",
    )
    # Other columns of the file are ignored; their names could equal those of the index.
    table["path"] = table["match"].astype(known.dtype)
    used = [column for column in ("path", "label", "split", "group") if column in table]
    return table[used].rename(columns={"label": "listed_label", "group": "listed_group"})


def _is_named(style: str, listed: str, names: set[str]) -> bool:
    """Return whether a cell names a style folder, with any blanks and form of accents."""
    return style == listed or (listed not in names and same_text(style) == same_text(listed))


def _refuse(
    happened: str, offending: pd.Series, *, expected: str | None = None, fix: str | None = None
) -> None:
    if len(offending):
        received = f"{len(offending)}: {examples(offending)}"
        raise ArtstyleError(happened, received=received, expected=expected, fix=fix)


def _checked_fractions(fractions: Mapping[str, float]) -> tuple[tuple[str, ...], np.ndarray]:
    values = list(fractions.values())
    if set(fractions) - set(SPLITS) or min(values, default=-1) < 0 or abs(sum(values) - 1) > 1e-6:
        raise ArtstyleError(
            "The shares of the splits are invalid",
            received=dict(fractions),
            expected="shares of train, val and test, none below 0, that add up to 1",
        )
    splits = tuple(split for split in SPLITS if fractions.get(split, 0) > 0)
    return splits, np.array([fractions[split] for split in splits])


def _ties(images: pd.DataFrame) -> Ties:
    return Ties(
        images["path"],
        group=images.get("group"),
        digest=images.get("digest"),
        looks_like=images.get("looks_like"),
    )


def _check_class_sizes(
    labels: np.ndarray, ties: Ties, class_names: list[str], splits: tuple[str, ...]
) -> None:
    pairs = np.unique(np.stack([labels, ties.clusters]), axis=1)
    num_groups = np.bincount(pairs[0], minlength=len(class_names))
    num_images = np.bincount(labels, minlength=len(class_names))
    small = np.flatnonzero(num_groups < len(splits))
    if len(small) == 0:
        return
    received = examples(
        f"{class_names[number]} with {size_in_words(num_images[number], num_groups[number])}"
        f"{ties.why_so_few(labels == number)}"
        for number in small
    )
    remedy = ties.remedy(labels == number for number in small) or "add images to the style"
    raise ArtstyleError(
        "A style is too small to split" if len(small) == 1 else "Styles are too small to split",
        received=received,
        expected=f"at least {len(splits)} images of different groups, one for each of"
        f" {', '.join(splits)} (an image without siblings is a group of its own)",
        fix=f"{remedy}; or remove the style's folder",
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
                expected=f"images of the style in each of {', '.join(splits)} although no group"
                " lies in two of them",
                fix="add images of other groups, or try another seed",
            )
