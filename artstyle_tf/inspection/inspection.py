"""Everything that is found out about a folder of pictures, as tables."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import connected, find_groups, suggest_group_pattern
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.trainability import check_trainable
from artstyle_tf.images.prepare_data import count_pictures, divide
from artstyle_tf.images.splits.folds import assign_folds
from artstyle_tf.images.splits.leaks import find_leaks
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.inspection.copies import find_copies
from artstyle_tf.inspection.file_properties import property_features
from artstyle_tf.inspection.group_shares import measure_groups
from artstyle_tf.inspection.property_probe import PropertyProbe, probe_properties
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.survey import MEASURES, Survey
from artstyle_tf.inspection.troubles import find_misnamed_strangers, find_troubles
from artstyle_tf.metrics.style_tests import compare_pairs, compare_styles, group_means
from artstyle_tf.plots.class_distribution import NOT_SPLIT
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

_NUM_FOLDS = 5
_FEWEST_CLUSTERS = 3
_MOST_PROBED = 20_000


@dataclass(frozen=True)
class Inspection:
    """What is known of a folder.

    Attributes:
        pictures: of the `Survey`, with split ("" where there is none) and group.
        histograms: of the `Survey`.
        counts: int, styles in the index; columns train, val, test, or "not split".
        why_not_split: what kept the folder from being split, or None.
        why_not_trained: what would keep the split from being trained on, or None.
        guessed_pattern: of groups, found in the names of the files where the user told none.
        has_groups: whether any two pictures belong together.
        troubles: of `find_troubles`.
        copies: of `find_copies`.
        leaks: of `find_leaks`; no rows where there is no split.
        groups: of `measure_groups`, all pictures.
        learnt_groups: the same of the training pictures; of all where there is no split.
        by_measure: of `compare_styles`, with the column unit: "picture", and "group" where each
            group counts once.
        by_pair: of `compare_pairs`, with the column unit.
        probe: whether files give styles away; None where that cannot be asked.
    """

    pictures: pd.DataFrame
    histograms: dict[str, np.ndarray]
    counts: pd.DataFrame
    why_not_split: str | None
    why_not_trained: str | None
    guessed_pattern: str | None
    has_groups: bool
    troubles: pd.DataFrame
    copies: pd.DataFrame
    leaks: pd.DataFrame
    groups: pd.DataFrame
    learnt_groups: pd.DataFrame
    by_measure: pd.DataFrame
    by_pair: pd.DataFrame
    probe: PropertyProbe | None

    @property
    def readable(self) -> pd.DataFrame:
        """The pictures that can be used."""
        return self.pictures[self.pictures["is_readable"]]

    @property
    def learnt(self) -> pd.DataFrame:
        """The training pictures; all where there is no split."""
        return _learnt(self.pictures)


def inspect(
    config: InspectExperiment, index: ImageIndex, survey: Survey, reporter: Reporter
) -> Inspection:
    """Draws all conclusions that need no picture to be opened again.

    Args:
        config: of the inspection.
        index: the files.
        survey: the pictures.
        reporter: gets what is wrong with a given split file.
    """
    split, why_not = split_if_possible(config, index, survey, reporter)
    pictures = survey.pictures.drop(columns="group").merge(
        split[["path", "split", "group"]], on="path", how="left"
    )
    pictures["split"] = pictures["split"].fillna("")
    pictures["group"] = pictures["group"].fillna(pictures["path"])
    # A group that is only guessed is no leak: the split was not told of it.
    leaks = find_leaks(pictures[pictures["split"] != ""])
    pattern = None
    if not pictures["group"].duplicated().any():
        pattern, pictures = _guess_groups(index, pictures)
    strangers = find_misnamed_strangers(index.root, index.ignored)
    known = bool(pictures["group"].duplicated().any())
    by_measure, by_pair = _compare(pictures[pictures["is_readable"]], use_groups=known)
    return Inspection(
        pictures=pictures,
        histograms=survey.histograms,
        counts=_counts(pictures),
        why_not_split=why_not,
        why_not_trained=_why_not_trained(pictures),
        guessed_pattern=pattern,
        has_groups=known,
        troubles=pd.concat([find_troubles(pictures, config.limits), strangers], ignore_index=True),
        copies=find_copies(pictures),
        leaks=leaks,
        groups=measure_groups(pictures),
        learnt_groups=measure_groups(_learnt(pictures)),
        by_measure=by_measure,
        by_pair=by_pair,
        probe=_probe(pictures[pictures["is_readable"]], seed=config.seed),
    )


def split_if_possible(
    config: InspectExperiment, index: ImageIndex, survey: Survey, reporter: Reporter = SILENT
) -> tuple[pd.DataFrame, str | None]:
    """The split that training would use, or why there can be none.

    A split file that is wrong is the user's mistake; a folder that cannot be split is a finding.

    Returns:
        Pictures with the column split, "" if there is none; and the reason, or None.
    """
    looks_like = survey.pictures[["path", "looks_like"]]
    pictures = index.pictures
    if config.data.near_duplicates == "keep_together":
        pictures = pictures.merge(looks_like, on="path", how="left")
    index = ImageIndex(index.root, pictures, index.ignored)
    if config.data.split_file is not None:
        return divide(config.data, index, reporter), None
    try:
        return divide(config.data, index, reporter), None
    except ArtstyleError as error:
        return pictures.assign(split=""), str(error)


def _why_not_trained(pictures: pd.DataFrame) -> str | None:
    """What a training would refuse once it has read all images, or None."""
    divided = pictures[pictures["split"] != ""]
    try:
        check_trainable(divided, divided.loc[~divided["is_readable"], "path"])
    except ArtstyleError as error:
        return str(error)
    return None


def _guess_groups(index: ImageIndex, pictures: pd.DataFrame) -> tuple[str | None, pd.DataFrame]:
    paths = list(pictures["path"])
    pattern = suggest_group_pattern(paths, list(pictures["label"]))
    if pattern is None:
        return None, pictures
    groups = find_groups(
        paths, root=index.root, pattern=re.compile(pattern), file=None, reporter=SILENT
    )
    return pattern, pictures.assign(group=groups)


def _counts(pictures: pd.DataFrame) -> pd.DataFrame:
    divided = pictures[pictures["split"] != ""]
    if len(divided):
        return count_pictures(divided)
    return pd.DataFrame({NOT_SPLIT: pictures["label"].value_counts().sort_index()})


def _learnt(pictures: pd.DataFrame) -> pd.DataFrame:
    learnt = pictures[pictures["split"] == "train"]
    return learnt if len(learnt) else pictures


def _compare(pictures: pd.DataFrame, *, use_groups: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    values, labels = pictures[list(MEASURES)], pictures["label"]
    samples = {"picture": (values, labels)}
    if use_groups:
        samples["group"] = group_means(values, labels, pictures["group"])
    by_measure = [compare_styles(*of_unit).assign(unit=unit) for unit, of_unit in samples.items()]
    by_pair = [compare_pairs(*of_unit).assign(unit=unit) for unit, of_unit in samples.items()]
    return _stacked(by_measure), _stacked(by_pair)


def _stacked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _probe(pictures: pd.DataFrame, *, seed: int) -> PropertyProbe | None:
    """Asks a small model, on folds that divide neither groups nor copies."""
    clusters = pd.Series(
        connected(pictures["group"], pictures["digest"], pictures["looks_like"]),
        index=pictures.index,
    )
    by_style = pictures["label"]
    is_large = by_style.map(by_style.value_counts()) >= _NUM_FOLDS
    is_large &= by_style.map(clusters.groupby(by_style).nunique()) >= _FEWEST_CLUSTERS
    pictures, clusters = pictures[is_large], clusters[is_large]
    labels, class_names = pd.factorize(pictures["label"], sort=True)
    if len(class_names) < 2:
        return None
    generator = np.random.default_rng(seed)
    if len(pictures) > _MOST_PROBED:
        share = _MOST_PROBED / len(pictures)
        chosen = (
            stratify(labels, np.arange(len(labels)), np.array([share, 1 - share]), generator) == 0
        )
        pictures, labels, clusters = pictures[chosen], labels[chosen], clusters[chosen]
    of_picture = pd.factorize(clusters)[0]
    features, names = property_features(pictures)
    return probe_properties(
        features,
        names,
        labels,
        of_picture,
        assign_folds(labels, of_picture, num_folds=_NUM_FOLDS, seed=seed),
        class_names=list(class_names),
        seed=seed,
    )
