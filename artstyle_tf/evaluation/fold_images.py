"""The images that are divided into folds, and which of them stay together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.fold_training import Fold, FoldImages
from artstyle_tf.evaluation.settings import CrossValidationConfig
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.ties import Ties
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import index_and_split, prepare
from artstyle_tf.images.split_images import class_ids
from artstyle_tf.images.splits.folds import (
    assign_folds,
    check_folds,
    check_learned_in_every_fold,
    split_fold,
)
from artstyle_tf.images.splits.given_split import is_split_already
from artstyle_tf.images.splits.leaks import has_groups, suggest_groups, warn_about_turned
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter


@dataclass(frozen=True)
class DividedImages:
    """Images that are divided into folds, by one or more schemes.

    Attributes:
        images: the N images.
        clusters: scheme -> int [N], equal for images that stay together; from `clusters_of`.
    """

    images: FoldImages
    clusters: Mapping[str, np.ndarray]


def check_images(
    config: TrainingExperiment, reporter: Reporter
) -> tuple[ImageIndex, pd.DataFrame, tuple[str, ...]]:
    """Index the images, choose the schemes, and check the folds; nothing is prepared yet.

    Returns:
        The index, its images with their split, and the schemes.
    """
    settings = config.cross_validation
    index, images = index_and_split(config.data, reporter)
    schemes = _choose_schemes(settings, index, reporter)
    report_unused_split(index, settings, reporter)
    _check_folds(config, rows_before_preparation(images, settings), index.class_names, schemes)
    return index, images, schemes


def divide_images(
    config: TrainingExperiment,
    index: ImageIndex,
    images: pd.DataFrame,
    schemes: Sequence[str],
    invocation: Invocation,
) -> DividedImages:
    """Prepare the images that `check_images` has returned, and check the folds again."""
    settings, reporter = config.cross_validation, invocation.reporter
    with invocation.stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, images, reporter)
    folded = images_to_divide(prepared, images, index.class_names, settings)
    clusters = {scheme: clusters_of(folded.rows, scheme) for scheme in schemes}
    # Again, because some images may have turned out to be unreadable.
    _check_folds(config, folded.rows, index.class_names, schemes)
    warn_about_turned(without_test(images, settings), reporter)
    return DividedImages(folded, clusters)


def _choose_schemes(
    settings: CrossValidationConfig, index: ImageIndex, reporter: Reporter
) -> tuple[str, ...]:
    """Return the configured schemes; by default random folds, and group folds if there are any."""
    configured = settings.schemes
    if has_groups(index):
        return configured or ("random", "group")
    fix = suggest_groups(index, reporter)
    if "group" in (configured or ()):
        raise ArtstyleError(
            "There are no groups to make folds of",
            received="images that are each a group of their own",
            fix=fix,
        )
    return configured or ("random",)


def _check_folds(
    config: TrainingExperiment,
    rows: pd.DataFrame,
    class_names: Sequence[str],
    schemes: Sequence[str],
) -> None:
    settings = config.cross_validation
    check_divisible(
        config,
        rows,
        class_names,
        schemes=schemes,
        num_folds=settings.num_folds,
        repeats=settings.repeats,
    )


def without_test(images: pd.DataFrame, settings: CrossValidationConfig) -> pd.DataFrame:
    """Return rows of a table with the column `split`, without the test split if configured so."""
    return images if settings.with_test_split else images[images["split"] != "test"]


def images_to_divide(
    prepared: PreparedImages,
    images: pd.DataFrame,
    class_names: Sequence[str],
    settings: CrossValidationConfig,
) -> FoldImages:
    """Return the images that are divided into folds.

    Args:
        prepared: all clean images.
        images: of the index; has near duplicates, if these count.
        class_names: in the order of the class ids.
        settings: of the cross-validation.
    """
    rows = without_test(prepared.manifest, settings)
    rows = rows[rows["parent"] == ""].sort_values("path", kind="stable", ignore_index=True)
    looks = images.get("looks_like", images["digest"])
    looks_like = rows["source"].map(dict(zip(images["path"], looks, strict=True)))
    rows = rows.assign(looks_like=looks_like)
    return FoldImages(prepared, rows, class_ids(rows["label"], class_names), class_names)


def check_divisible(
    config: TrainingExperiment,
    rows: pd.DataFrame,
    class_names: Sequence[str],
    *,
    schemes: Iterable[str],
    num_folds: int,
    repeats: int = 1,
) -> None:
    """Check that images, prepared or not, can be divided into folds.

    Args:
        config: of the training; has the seed and the validation fraction.
        rows: columns path, label, group, source_digest and looks_like; source once prepared.
        class_names: in the order of the class ids.
        schemes: "random" or "group".
        num_folds: folds.
        repeats: number of repetitions, each with other folds and another seed.

    Raises:
        ArtstyleError: naming the styles that are too small.
    """
    labels = class_ids(rows["label"], class_names)
    for scheme in schemes:
        ties = _ties_of(rows, scheme)
        clusters = ties.clusters
        check_folds(labels, clusters, num_folds=num_folds, class_names=class_names, ties=ties)
        check_learned_in_every_fold(
            labels,
            clusters,
            num_folds=num_folds,
            class_names=class_names,
            validation_fraction=config.cross_validation.validation_fraction,
            seeds=[config.seed + repeat for repeat in range(repeats)],
            ties=ties,
        )


def rows_before_preparation(images: pd.DataFrame, settings: CrossValidationConfig) -> pd.DataFrame:
    """Return rows for `check_divisible`, as if every image of the index could be read."""
    looks_like = images.get("looks_like", images["digest"])
    rows = images.assign(source_digest=images["digest"], looks_like=looks_like)
    return without_test(rows, settings)


def clusters_of(rows: pd.DataFrame, scheme: str) -> np.ndarray:
    """Return int [N], equal for images that stay together: copies, and groups if `scheme` is so."""
    return _ties_of(rows, scheme).clusters


def _ties_of(rows: pd.DataFrame, scheme: str) -> Ties:
    return Ties(
        rows.get("source", rows["path"]),
        group=None if scheme == "random" else rows["group"],
        digest=rows["source_digest"],
        looks_like=rows["looks_like"],
    )


def report_unused_split(
    index: ImageIndex, settings: CrossValidationConfig, reporter: Reporter
) -> None:
    """Report that the split of the image folders is not used."""
    if is_split_already(index):
        which = "all" if settings.with_test_split else "the training and validation"
        reporter.info(f"Folds are made of {which} images; the split of the folders is not used.")


def folds_of(
    config: TrainingExperiment,
    images: FoldImages,
    clusters: np.ndarray,
    scheme: str,
    *,
    num_folds: int,
    repeat: int = 0,
) -> Iterator[Fold]:
    """Yield the folds of one repeat, which has the seed of the config plus its number.

    `clusters` are those of the images, from `clusters_of`.
    """
    seed = config.seed + repeat
    numbers = assign_folds(images.labels, clusters, num_folds=num_folds, seed=seed)
    fraction = config.cross_validation.validation_fraction
    for number in range(num_folds):
        splits = split_fold(
            images.labels, clusters, numbers, number, validation_fraction=fraction, seed=seed
        )
        yield Fold(scheme, repeat, number, splits)
