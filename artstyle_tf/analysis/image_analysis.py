"""Folds, depths, clusters, doubts and maps of images with features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analysis_source import AnalysisSource
from artstyle_tf.analysis.analyzed_images import AnalyzedImages
from artstyle_tf.analysis.clustering import Clustering
from artstyle_tf.analysis.depth_ablation import write_depths
from artstyle_tf.analysis.feature_views import (
    cluster_images,
    write_clusters,
    write_label_doubts,
    write_maps,
    write_notable_images,
)
from artstyle_tf.analysis.label_doubts import LabelDoubts, find_label_doubts
from artstyle_tf.analysis.out_of_fold import out_of_fold_probabilities
from artstyle_tf.analysis.projection import FEWEST_TO_PROJECT, project
from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.uncertainty import classification_intervals
from artstyle_tf.system.files import write_text
from artstyle_tf.system.invocation import Invocation


@dataclass(frozen=True)
class _OutOfFold:
    """Images that folds can divide, each predicted by what has not learned it.

    Attributes:
        images: M of the N images.
        is_known: bool [N], which they are.
        folds: int [M].
        probabilities: float32 [M, C].
        doubts: about the labels of these M.
    """

    images: AnalyzedImages
    is_known: np.ndarray
    folds: np.ndarray
    probabilities: np.ndarray
    doubts: LabelDoubts

    @property
    def predictions(self) -> np.ndarray:
        """Class ids int [M]."""
        return self.probabilities.argmax(axis=1)


class ImageAnalysis:
    """Looks at images in all ways but the search of classifiers.

    Args:
        config: of the analysis.
        source: of the images.
        images: without augmented copies.
        folder: for tables.
        figures: for figures.
        invocation: how the program was called.
    """

    def __init__(
        self,
        config: AnalyzeExperiment,
        source: AnalysisSource,
        images: AnalyzedImages,
        folder: Path,
        figures: Path,
        invocation: Invocation,
    ) -> None:
        self.config = config
        self.images = images
        self.folder = folder
        self.figures = figures
        self.invocation = invocation
        self.title = f"{source.name}, {config.layer}"

    def run(self) -> dict[str, Any]:
        """Folds, depths, clusters, doubts and maps; returns their part of the result.

        What folds are needed for is null where there are fewer than two styles to divide.
        """
        config, images = self.config, self.images
        stopwatch, reporter = self.invocation.stopwatch, self.invocation.reporter
        where: dict[str, Any] = {"figures": self.figures, "title": self.title}
        with stopwatch.stage("out_of_fold"):
            known = self._out_of_fold()
        depths = None
        if config.depths and known is not None:
            with stopwatch.stage("depths"):
                depths = write_depths(
                    known.images, known.folds, folder=self.folder, reporter=reporter, **where
                )
        with stopwatch.stage("clusters"):
            clustering, scores = cluster_images(
                images, config.clustering, seed=config.seed, reporter=reporter
            )
            write_clusters(images, clustering, scores, folder=self.folder, **where)
        if known is not None:
            with stopwatch.stage("sheets"):
                of_known = (known.images, known.doubts, known.probabilities)
                write_label_doubts(*of_known, folder=self.folder, **where)
                write_notable_images(known.images, known.probabilities, **where)
        predictions = np.full(len(images), -1)
        if known is not None:
            predictions[known.is_known] = known.predictions
        with stopwatch.stage("projections"):
            projections = self._project()
            for method, points in projections.items():
                write_maps(images, method, points, clustering, predictions, **where)
        table = self._table(known, clustering, projections)
        write_text(self.folder / "images.csv", csv_text(table, float_format="%.6g"))
        left_out = np.setdiff1d(images.labels, [] if known is None else known.images.labels)
        return {
            "out_of_fold": None if known is None else self._scores(known),
            "styles_left_out": [str(images.class_names[number]) for number in left_out],
            "depths": depths,
            "clusters": scores,
            "num_doubted": None if known is None else int(known.doubts.is_doubted.sum()),
            "projections": list(projections),
        }

    def _out_of_fold(self) -> _OutOfFold | None:
        """Predictions of the styles that folds can divide; None if these are fewer than two."""
        settings = self.config.folds
        chosen = self.images.dividable(
            settings,
            what="out-of-fold predictions, label doubts, depths, typical and ambiguous images",
            reporter=self.invocation.reporter,
        )
        if chosen is None:
            return None
        folds = chosen.folds(settings, seed=self.config.seed)
        probabilities = out_of_fold_probabilities(
            chosen.features,
            chosen.labels,
            folds,
            num_classes=len(chosen.class_names),
            groups=chosen.groups,
            reporter=self.invocation.reporter,
        )
        return _OutOfFold(
            images=chosen,
            is_known=np.isin(self.images.labels, np.unique(chosen.labels)),
            folds=folds,
            probabilities=probabilities,
            doubts=find_label_doubts(chosen.labels, probabilities),
        )

    def _scores(self, known: _OutOfFold) -> dict[str, Any]:
        labels, num_classes = known.images.labels, len(self.images.class_names)
        confusion = confusion_matrix(labels, known.predictions, num_classes=num_classes)
        return {
            **classification_summary(labels, known.predictions, num_classes=num_classes),
            "intervals": classification_intervals(confusion),
        }

    def _project(self) -> dict[str, np.ndarray]:
        settings, scaled = self.config.projection, self.images.scaled()
        if len(scaled) < FEWEST_TO_PROJECT:
            self.invocation.reporter.warn(
                f"Left out: projections. {len(scaled)} images are too few; it takes "
                f"{FEWEST_TO_PROJECT}."
            )
            return {}
        return {
            method: project(
                scaled,
                method,
                settings=settings,
                seed=self.config.seed,
                reporter=self.invocation.reporter,
            )
            for method in dict.fromkeys(settings.methods)
        }

    def _table(
        self,
        known: _OutOfFold | None,
        clustering: Clustering,
        projections: dict[str, np.ndarray],
    ) -> pd.DataFrame:
        """One row an image: what it is, what is said of it, and where it lies."""
        rows, names = self.images.rows, np.array(self.images.class_names)
        predictions = np.full(len(rows), "", dtype=object)
        confidences, of_label = np.full((2, len(rows)), np.nan)
        is_doubted = np.zeros(len(rows), dtype=bool)
        if known is not None:
            predictions[known.is_known] = names[known.predictions]
            confidences[known.is_known] = known.probabilities.max(axis=1)
            of_label[known.is_known] = known.doubts.quality
            is_doubted[known.is_known] = known.doubts.is_doubted
        table = pd.DataFrame(
            {
                "path": rows["source"],
                "label": rows["label"],
                "split": rows["split"],
                "group": rows["group"],
                "cluster": clustering.clusters + 1,
                "prediction": predictions,
                "confidence": confidences,
                "probability_of_label": of_label,
                "doubted": is_doubted,
            }
        )
        for method, points in projections.items():
            table[f"{method}_x"], table[f"{method}_y"] = points.T
        return table
