"""All tables of an inspection, computed from a survey of the images."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import connected, find_groups, suggest_group_pattern
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.trainability import check_trainable
from artstyle_tf.images.prepare_data import count_images, divide
from artstyle_tf.images.splits.folds import assign_folds
from artstyle_tf.images.splits.leaks import find_leaks
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.inspection.image_sets import find_copies, measure_groups
from artstyle_tf.inspection.problems import find_misnamed_ignored, find_problems
from artstyle_tf.inspection.property_probe import (
    PropertyProbe,
    probe_once,
    property_features,
)
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.survey import MEASURES, Survey
from artstyle_tf.metrics.style_tests import compare_pairs, compare_styles, group_means
from artstyle_tf.plots.bars import NOT_SPLIT
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

_NUM_FOLDS = 5
_MIN_CLUSTERS = 3
_MAX_PROBED = 20_000


@dataclass(frozen=True)
class Inspection:
    """The tables of a folder.

    Attributes:
        images: of the `Survey`, with split ("" where there is none) and group.
        histograms: of the `Survey`.
        counts: int, styles in the index; columns train, val, test, or "not split".
        why_not_split: why the folder cannot be split, or None.
        why_not_trained: why the split cannot be trained on, or None.
        guessed_pattern: of groups, found in the file names if the user defines none.
        has_groups: whether any two images belong together.
        problems: of `find_problems`.
        copies: of `find_copies`.
        leaks: of `find_leaks`; no rows where there is no split.
        groups: of `measure_groups`, all images.
        training_groups: the same of the training images; of all where there is no split.
        by_measure: of `compare_styles`, with the column unit: "image", and "group" where each
            group counts once.
        by_pair: of `compare_pairs`, with the column unit.
        probe: score with file properties alone; None if it cannot be computed.
    """

    images: pd.DataFrame
    histograms: dict[str, np.ndarray]
    counts: pd.DataFrame
    why_not_split: str | None
    why_not_trained: str | None
    guessed_pattern: str | None
    has_groups: bool
    problems: pd.DataFrame
    copies: pd.DataFrame
    leaks: pd.DataFrame
    groups: pd.DataFrame
    training_groups: pd.DataFrame
    by_measure: pd.DataFrame
    by_pair: pd.DataFrame
    probe: PropertyProbe | None

    @property
    def readable(self) -> pd.DataFrame:
        """Return the images that can be used."""
        return self.images[self.images["is_readable"]]

    @property
    def training(self) -> pd.DataFrame:
        """Return the training images; all where there is no split."""
        return _training(self.images)

    @property
    def folds_in_words(self) -> str:
        """Describe the folds of the probe."""
        return "no group in two folds" if self.has_groups else "random folds"


def inspect(
    config: InspectExperiment, index: ImageIndex, survey: Survey, reporter: Reporter
) -> Inspection:
    """Compute all tables that need no image to be read again.

    Args:
        config: of the inspection.
        index: the files.
        survey: the images.
        reporter: gets warnings about a given split file.
    """
    split, why_not = split_if_possible(config, index, survey, reporter)
    images = survey.images.drop(columns="group").merge(
        split[["path", "split", "group"]], on="path", how="left"
    )
    images["split"] = images["split"].fillna("")
    images["group"] = images["group"].fillna(images["path"])
    # A group that is only guessed is no leak: the split does not use it.
    leaks = find_leaks(images[images["split"] != ""])
    pattern = None
    if not images["group"].duplicated().any():
        pattern, images = _guess_groups(index, images)
    misnamed = find_misnamed_ignored(index.root, index.ignored)
    has_groups = bool(images["group"].duplicated().any())
    readable = images[images["is_readable"]]
    by_measure, by_pair = _compare(readable, use_groups=has_groups)
    return Inspection(
        images=images,
        histograms=survey.histograms,
        counts=_counts(images),
        why_not_split=why_not,
        why_not_trained=_why_not_trained(images),
        guessed_pattern=pattern,
        has_groups=has_groups,
        problems=pd.concat([find_problems(images, config.limits), misnamed], ignore_index=True),
        copies=find_copies(images),
        leaks=leaks,
        groups=measure_groups(images),
        training_groups=measure_groups(_training(images)),
        by_measure=by_measure,
        by_pair=by_pair,
        probe=_probe(readable, seed=config.seed),
    )


def split_if_possible(
    config: InspectExperiment, index: ImageIndex, survey: Survey, reporter: Reporter = SILENT
) -> tuple[pd.DataFrame, str | None]:
    """Split as training would, or return the reason why that is impossible.

    A wrong split file is the user's mistake; a folder that cannot be split is a finding.

    Returns:
        Images with the column split, "" if there is none; and the reason, or None.
    """
    images = index.images
    if config.data.near_duplicates == "keep_together":
        images = images.merge(survey.images[["path", "looks_like"]], on="path", how="left")
    index = ImageIndex(index.root, images, index.ignored)
    try:
        return divide(config.data, index, reporter), None
    except ArtstyleError as error:
        if config.data.split_file is not None:
            raise
        return images.assign(split=""), str(error)


def _why_not_trained(images: pd.DataFrame) -> str | None:
    """Return why a training would stop once it has read all images, or None."""
    divided = images[images["split"] != ""]
    try:
        check_trainable(divided, divided.loc[~divided["is_readable"], "path"])
    except ArtstyleError as error:
        return str(error)
    return None


def _guess_groups(index: ImageIndex, images: pd.DataFrame) -> tuple[str | None, pd.DataFrame]:
    paths = list(images["path"])
    pattern = suggest_group_pattern(paths, list(images["label"]))
    if pattern is None:
        return None, images
    groups = find_groups(
        paths, root=index.root, pattern=re.compile(pattern), file=None, reporter=SILENT
    )
    return pattern, images.assign(group=groups)


def _counts(images: pd.DataFrame) -> pd.DataFrame:
    divided = images[images["split"] != ""]
    if len(divided):
        return count_images(divided)
    return pd.DataFrame({NOT_SPLIT: images["label"].value_counts().sort_index()})


def _training(images: pd.DataFrame) -> pd.DataFrame:
    training = images[images["split"] == "train"]
    return training if len(training) else images


def _compare(images: pd.DataFrame, *, use_groups: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    values, labels = images[list(MEASURES)], images["label"]
    samples = {"image": (values, labels)}
    if use_groups:
        samples["group"] = group_means(values, labels, images["group"])
    by_measure = [compare_styles(*of_unit).assign(unit=unit) for unit, of_unit in samples.items()]
    by_pair = [compare_pairs(*of_unit).assign(unit=unit) for unit, of_unit in samples.items()]
    return _stacked(by_measure), _stacked(by_pair)


def _stacked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _probe(images: pd.DataFrame, *, seed: int) -> PropertyProbe | None:
    """Evaluate a small model on folds that divide neither groups nor copies."""
    clusters = pd.Series(
        connected(images["group"], images["digest"], images["looks_like"]), index=images.index
    )
    by_style = images["label"]
    is_large = by_style.map(by_style.value_counts()) >= _NUM_FOLDS
    is_large &= by_style.map(clusters.groupby(by_style).nunique()) >= _MIN_CLUSTERS
    images, clusters = images[is_large], clusters[is_large]
    labels, class_names = pd.factorize(images["label"], sort=True)
    if len(class_names) < 2:
        return None
    if len(images) > _MAX_PROBED:
        share = _MAX_PROBED / len(images)
        generator = np.random.default_rng(seed)
        shares = np.array([share, 1 - share])
        chosen = stratify(labels, np.arange(len(labels)), shares, generator) == 0
        images, labels, clusters = images[chosen], labels[chosen], clusters[chosen]
    of_image = pd.factorize(clusters)[0]
    features, names = property_features(images)
    return probe_once(
        features,
        names,
        labels,
        of_image,
        assign_folds(labels, of_image, num_folds=_NUM_FOLDS, seed=seed),
        class_names=list(class_names),
        seed=seed,
    )
