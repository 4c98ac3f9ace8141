"""The prepare-data job: a folder of style folders -> clean, split, indexed images."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.demo.demo_set import write_demo_set
from artstyle_tf.images.index.image_index import ImageIndex, index_images
from artstyle_tf.images.index.near_duplicates import (
    hashes_as_text,
    join_near_pairs,
    perceptual_hashes,
)
from artstyle_tf.images.index.split_folders import (
    styles_like_splits_in_words,
    styles_named_like_splits,
)
from artstyle_tf.images.index.style_folders import check_styles
from artstyle_tf.images.preparation.preparation import PreparedImages, prepare_images
from artstyle_tf.images.preparation.trainability import check_trainable
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.images.splits.given_split import (
    FOLDER_SPLIT,
    check_split_file_agrees,
    is_split_already,
    split_by_folders,
)
from artstyle_tf.images.splits.leaks import check_leaks, count_leaks
from artstyle_tf.images.splits.splitting import (
    SPLITS,
    read_split,
    split_images,
    split_what_can_be,
)
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter


def run(config: DirectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Prepare the images and return the result that --json prints."""
    with invocation.stopwatch.stage("index"):
        index, images = index_and_split(config.data, invocation.reporter)
        leaks = check_leaks(index, images, invocation.reporter)
    with invocation.stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, images, invocation.reporter)
    return {
        "prepared": str(prepared.root),
        **_counts(prepared.manifest, leaks, index),
        "unreadable": prepared.rejected.to_dict(orient="records"),
        "seconds": invocation.stopwatch.seconds(),
    }


def plan(config: DirectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Index and split in memory; return what `run` would prepare."""
    index, images = index_and_split(config.data, invocation.reporter)
    leaks = check_leaks(index, images, invocation.reporter)
    return {
        "dry_run": True,
        "images": str(index.root),
        "would_prepare": str(Path(config.data.prepared)),
        **_counts(images, leaks, index),
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    lines = _counts_in_words(result)
    lines += [f"Unreadable: {row['path']} ({row['reason']})" for row in result["unreadable"]]
    total = result["seconds"]["total"]
    lines.append(f"Prepared images: {result['prepared']} ({total:.1f} s)")
    return "\n".join(lines)


def summarize_plan(plan: dict[str, Any]) -> str:
    """Return the plan as text."""
    would = f"Dry run: would prepare these images in {plan['would_prepare']}."
    return "\n".join([*_counts_in_words(plan), would])


def _counts(images: pd.DataFrame, leaks: pd.DataFrame, index: ImageIndex) -> dict[str, Any]:
    return {
        "num_images": count_splits(images),
        "per_class": count_images(images).to_dict(orient="index"),
        "leaks": count_leaks(leaks),
        "ignored": len(index.ignored),
    }


def _counts_in_words(result: dict[str, Any]) -> list[str]:
    lines = [pd.DataFrame.from_dict(result["per_class"], orient="index").to_string()]
    if result["ignored"]:
        lines.append(f"Ignored: {result['ignored']} files and folders, for the reasons above.")
    return lines


def index_and_split(
    data: DataConfig, reporter: Reporter, *, hashed: bool = False
) -> tuple[ImageIndex, pd.DataFrame]:
    """Find and split the images, and check that they can be trained on.

    Args:
        data: paths and split.
        reporter: where progress and warnings go.
        hashed: whether perceptual hashes are needed even if near duplicates are to be ignored.

    Returns:
        The index, without images that a split file does not name; and its images with the column
        `split`; `looks_like`, which is equal for images that look the same, unless that is to be
        ignored; and `perceptual_hash`, if either requires it.

    Raises:
        ArtstyleError: if there are no images, or they cannot be split or trained on.
    """
    index = _with_looks(data, find_images(data, reporter), reporter, hashed=hashed)
    images = divide(data, index, reporter)
    check_styles(index.root, images["label"], fewest_styles=2)
    check_trainable(images)
    return _without_unused(index, images), images


def index_and_split_what_can_be(
    data: DataConfig, reporter: Reporter
) -> tuple[ImageIndex, pd.DataFrame]:
    """Find and split images that are only analyzed, of which a style may be too small to train on.

    Returns:
        As `index_and_split`.

    Raises:
        ArtstyleError: if there are no images.
    """
    index = _with_looks(data, find_images(data, reporter, fewest_styles=1), reporter)
    if data.split_file is not None or is_split_already(index):
        images = divide(data, index, reporter)
    else:
        images = split_what_can_be(
            index.images, fractions=_fractions(data), seed=data.split.seed, reporter=reporter
        )
    return _without_unused(index, images), images


def _with_looks(
    data: DataConfig, index: ImageIndex, reporter: Reporter, *, hashed: bool = False
) -> ImageIndex:
    keep_together = data.near_duplicates == "keep_together"
    if not (keep_together or hashed):
        return index
    files = [index.root / path for path in index.images["path"]]
    hashes, is_usable = perceptual_hashes(files, reporter, digests=index.images["digest"].tolist())
    hashed_images = index.images.assign(perceptual_hash=hashes_as_text(hashes, is_usable))
    if keep_together:
        hashed_images["looks_like"] = join_near_pairs(hashes, is_usable)
    return dataclasses.replace(index, images=hashed_images)


def _without_unused(index: ImageIndex, images: pd.DataFrame) -> ImageIndex:
    is_used = index.images["path"].isin(images["path"])
    return dataclasses.replace(index, images=index.images[is_used].reset_index(drop=True))


def find_images(data: DataConfig, reporter: Reporter, *, fewest_styles: int = 2) -> ImageIndex:
    """List the images, after drawing them if they are the demo set."""
    images = Path(data.images)
    if data.demo_set:
        write_demo_set(images, reporter=reporter)
    index = index_images(
        images,
        group_pattern=data.group_pattern,
        group_file=None if data.group_file is None else Path(data.group_file),
        fewest_styles=fewest_styles,
        reporter=reporter,
    )
    if not is_split_already(index) and styles_named_like_splits(index.class_names):
        reporter.warn(styles_like_splits_in_words(index.class_names))
    return index


def divide(data: DataConfig, index: ImageIndex, reporter: Reporter) -> pd.DataFrame:
    """Return the images of an index with the column `split`: by a file, by folders or by shares."""
    if data.split_file is not None:
        images = read_split(Path(data.split_file), index, reporter)
        if is_split_already(index):
            check_split_file_agrees(index, images, data.split_file)
        return images.drop(columns=FOLDER_SPLIT, errors="ignore")
    fractions, seed = _fractions(data), data.split.seed
    if is_split_already(index):
        return split_by_folders(index, fractions=fractions, seed=seed, reporter=reporter)
    return split_images(index.images, fractions=fractions, seed=seed)


def _fractions(data: DataConfig) -> dict[str, float]:
    return {name: getattr(data.split, name) for name in SPLITS}


def prepare(
    data: DataConfig,
    index: ImageIndex,
    images: pd.DataFrame,
    reporter: Reporter,
    *,
    to_train: bool = True,
) -> PreparedImages:
    """Call `prepare_images` with the settings."""
    return prepare_images(
        images,
        root=index.root,
        destination=Path(data.prepared),
        max_side_px=data.max_side_px,
        upsampling=data.upsampling,
        seed=data.preparation_seed,
        num_workers=data.preparation_workers,
        to_train=to_train,
        reporter=reporter,
    )


def count_splits(images: pd.DataFrame) -> dict[str, int]:
    """Count the images of each split that has any."""
    counts = images["split"].value_counts()
    return {split: int(counts[split]) for split in SPLITS if split in counts}


def count_images(images: pd.DataFrame) -> pd.DataFrame:
    """Count the images by class (rows) and split (columns)."""
    counts = pd.crosstab(images["label"], images["split"])
    return counts.reindex(columns=list(SPLITS), fill_value=0)
