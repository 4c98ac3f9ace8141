"""The analysis of images with features: folds, depths, clusters, label errors and maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analysis_figures import (
    cluster_images,
    write_clusters,
    write_label_errors,
    write_maps,
    write_notable_images,
)
from artstyle_tf.analysis.analyzed_images import AnalyzedImages
from artstyle_tf.analysis.clustering import Clustering
from artstyle_tf.analysis.depth_ablation import write_depths
from artstyle_tf.analysis.out_of_fold import (
    LabelErrors,
    find_label_errors,
    out_of_fold_probabilities,
)
from artstyle_tf.analysis.paths import AnalysisOutputs
from artstyle_tf.analysis.projection import FEWEST_TO_PROJECT, project
from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.uncertainty import classification_intervals
from artstyle_tf.system.files import write_text
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter


@dataclass(frozen=True)
class _OutOfFold:
    """Out-of-fold predictions of the images that folds can divide.

    Attributes:
        images: M of the N images.
        is_known: bool [N], which they are.
        folds: int [M].
        probabilities: float32 [M, C].
        errors: suspected label errors among these M.
    """

    images: AnalyzedImages
    is_known: np.ndarray
    folds: np.ndarray
    probabilities: np.ndarray
    errors: LabelErrors

    @property
    def predictions(self) -> np.ndarray:
        """Class ids int [M]."""
        return self.probabilities.argmax(axis=1)


def analyze_images(
    images: AnalyzedImages,
    config: AnalyzeExperiment,
    outputs: AnalysisOutputs,
    invocation: Invocation,
) -> dict[str, Any]:
    """Analyze images without augmented copies, and write tables and figures.

    Returns:
        A part of the result. Entries that need folds are null where there are fewer than two
        styles to divide.
    """
    stage, reporter = invocation.stopwatch.stage, invocation.reporter
    with stage("out_of_fold"):
        known = _predict_out_of_fold(images, config, reporter)
    depths = None
    if config.depths and known is not None:
        with stage("depths"):
            depths = write_depths(known.images, known.folds, outputs, reporter)
    with stage("clusters"):
        clustering, scores = cluster_images(
            images, config.clustering, seed=config.seed, reporter=reporter
        )
        write_clusters(images, clustering, scores, outputs)
    predictions = np.full(len(images), -1)
    if known is not None:
        predictions[known.is_known] = known.predictions
        with stage("sheets"):
            write_label_errors(known.images, known.errors, known.probabilities, outputs)
            write_notable_images(known.images, known.probabilities, outputs)
    with stage("projections"):
        projections = _project(images, config, reporter)
        for method, points in projections.items():
            write_maps(images, method, points, clustering, predictions, outputs)
    table = _table(images, known, clustering, projections)
    write_text(outputs.folder / "images.csv", csv_text(table, float_format="%.6g"))
    left_out = np.setdiff1d(images.labels, [] if known is None else known.images.labels)
    num_errors = None if known is None else int(known.errors.is_suspected.sum())
    return {
        "out_of_fold": None if known is None else _scores(known),
        "styles_left_out": [str(images.class_names[number]) for number in left_out],
        "depths": depths,
        "clusters": scores,
        "num_suspected_label_errors": num_errors,
        "projections": list(projections),
    }


def _predict_out_of_fold(
    images: AnalyzedImages, config: AnalyzeExperiment, reporter: Reporter
) -> _OutOfFold | None:
    """Predict the styles that folds can divide; None if these are fewer than two."""
    chosen = images.dividable(
        config.folds,
        what="out-of-fold predictions, label errors, depths, typical and ambiguous images",
        reporter=reporter,
    )
    if chosen is None:
        return None
    folds = chosen.folds(config.folds, seed=config.seed)
    probabilities = out_of_fold_probabilities(
        chosen.features,
        chosen.labels,
        folds,
        num_classes=len(chosen.class_names),
        groups=chosen.groups,
        reporter=reporter,
    )
    return _OutOfFold(
        images=chosen,
        is_known=np.isin(images.labels, np.unique(chosen.labels)),
        folds=folds,
        probabilities=probabilities,
        errors=find_label_errors(chosen.labels, probabilities),
    )


def _scores(known: _OutOfFold) -> dict[str, Any]:
    labels, num_classes = known.images.labels, len(known.images.class_names)
    confusion = confusion_matrix(labels, known.predictions, num_classes=num_classes)
    return {
        **classification_summary(labels, known.predictions, num_classes=num_classes),
        "intervals": classification_intervals(confusion),
    }


def _project(
    images: AnalyzedImages, config: AnalyzeExperiment, reporter: Reporter
) -> dict[str, np.ndarray]:
    settings, scaled = config.projection, images.scaled()
    if len(scaled) < FEWEST_TO_PROJECT:
        reporter.warn(
            f"Left out: projections. {len(scaled)} images are too few; it takes "
            f"{FEWEST_TO_PROJECT}."
        )
        return {}
    return {
        method: project(scaled, method, settings=settings, seed=config.seed, reporter=reporter)
        for method in dict.fromkeys(settings.methods)
    }


def _table(
    images: AnalyzedImages,
    known: _OutOfFold | None,
    clustering: Clustering,
    projections: dict[str, np.ndarray],
) -> pd.DataFrame:
    """Return one row an image: prediction, cluster, and position on each map."""
    rows, names = images.rows, np.array(images.class_names)
    predictions = np.full(len(rows), "", dtype=object)
    confidences, of_label = np.full((2, len(rows)), np.nan)
    is_suspected = np.zeros(len(rows), dtype=bool)
    if known is not None:
        predictions[known.is_known] = names[known.predictions]
        confidences[known.is_known] = known.probabilities.max(axis=1)
        of_label[known.is_known] = known.errors.quality
        is_suspected[known.is_known] = known.errors.is_suspected
    table = rows[["source", "label", "split", "group"]].rename(columns={"source": "path"})
    table = table.assign(
        cluster=clustering.clusters + 1,
        prediction=predictions,
        confidence=confidences,
        probability_of_label=of_label,
        suspected_label_error=is_suspected,
    )
    for method, points in projections.items():
        table[f"{method}_x"], table[f"{method}_y"] = points.T
    return table
