"""Folds, depths, clusters, doubts, maps and atlas of pictures with features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analysis_source import AnalysisSource
from artstyle_tf.analysis.analyzed_images import AnalyzedPictures
from artstyle_tf.analysis.atlas_page import write_atlas
from artstyle_tf.analysis.clustering import Clustering
from artstyle_tf.analysis.depth_view import write_depths
from artstyle_tf.analysis.feature_views import (
    cluster_pictures,
    write_clusters,
    write_label_doubts,
    write_maps,
    write_notable_pictures,
)
from artstyle_tf.analysis.label_doubts import LabelDoubts, find_label_doubts
from artstyle_tf.analysis.out_of_fold import out_of_fold_probabilities
from artstyle_tf.analysis.projection import FEWEST_TO_PROJECT, has_umap, project
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
        pictures: M of the N images.
        is_known: bool [N], which they are.
        folds: int [M].
        probabilities: float32 [M, C].
        doubts: about the labels of these M.
    """

    pictures: AnalyzedPictures
    is_known: np.ndarray
    folds: np.ndarray
    probabilities: np.ndarray
    doubts: LabelDoubts

    @property
    def predictions(self) -> np.ndarray:
        """Class ids int [M]."""
        return self.probabilities.argmax(axis=1)


class PictureAnalysis:
    """Looks at pictures in all ways but the search of classifiers.

    Args:
        config: of the analysis.
        source: of the pictures.
        pictures: without augmented copies.
        folder: for tables.
        figures: for figures.
        invocation: how the program was called.
    """

    def __init__(
        self,
        config: AnalyzeExperiment,
        source: AnalysisSource,
        pictures: AnalyzedPictures,
        folder: Path,
        figures: Path,
        invocation: Invocation,
    ) -> None:
        self.config = config
        self.pictures = pictures
        self.folder = folder
        self.figures = figures
        self.invocation = invocation
        self.title = f"{source.name}, {config.layer}"

    def run(self) -> dict[str, Any]:
        """Folds, depths, clusters, doubts, maps and atlas; returns their part of the result.

        What folds are needed for is null where there are fewer than two styles to divide.
        """
        config, pictures = self.config, self.pictures
        stopwatch, reporter = self.invocation.stopwatch, self.invocation.reporter
        where: dict[str, Any] = {"figures": self.figures, "title": self.title}
        with stopwatch.stage("out_of_fold"):
            known = self._out_of_fold()
        depths = None
        if config.depths and known is not None:
            with stopwatch.stage("depths"):
                depths = write_depths(
                    known.pictures, known.folds, folder=self.folder, reporter=reporter, **where
                )
        with stopwatch.stage("clusters"):
            clustering, scores = cluster_pictures(
                pictures, config.clustering, seed=config.seed, reporter=reporter
            )
            write_clusters(pictures, clustering, scores, folder=self.folder, **where)
        if known is not None:
            with stopwatch.stage("sheets"):
                of_known = (known.pictures, known.doubts, known.probabilities)
                write_label_doubts(*of_known, folder=self.folder, **where)
                write_notable_pictures(known.pictures, known.probabilities, **where)
        predictions = np.full(len(pictures), -1)
        if known is not None:
            predictions[known.is_known] = known.predictions
        with stopwatch.stage("projections"):
            projections = self._project()
            for method, points in projections.items():
                write_maps(pictures, method, points, clustering, predictions, **where)
        table = self._table(known, clustering, projections)
        write_text(self.folder / "pictures.csv", csv_text(table, float_format="%.6g"))
        atlas = None
        if config.atlas and projections:
            with stopwatch.stage("atlas"):
                atlas = write_atlas(
                    pictures,
                    table,
                    list(projections)[-1],
                    file=self.folder / "atlas.html",
                    title=self.title,
                    thumbnail_px=config.thumbnail_px,
                    reporter=reporter,
                )
        left_out = np.setdiff1d(pictures.labels, [] if known is None else known.pictures.labels)
        return {
            "out_of_fold": None if known is None else self._scores(known),
            "styles_left_out": [str(pictures.class_names[number]) for number in left_out],
            "depths": depths,
            "clusters": scores,
            "num_doubted": None if known is None else int(known.doubts.is_doubted.sum()),
            "projections": list(projections),
            "atlas": None if atlas is None else str(atlas),
        }

    def _out_of_fold(self) -> _OutOfFold | None:
        """Predictions of the styles that folds can divide; None if these are fewer than two."""
        settings = self.config.folds
        kept = {"num_folds": settings.num_folds, "by_group": settings.by_group}
        chosen = self.pictures.dividable(
            **kept,
            what="out-of-fold predictions, label doubts, depths, typical and ambiguous images",
            reporter=self.invocation.reporter,
        )
        if chosen is None:
            return None
        folds = chosen.folds(**kept, seed=self.config.seed)
        probabilities = out_of_fold_probabilities(
            chosen.features,
            chosen.labels,
            folds,
            num_classes=len(chosen.class_names),
            groups=chosen.groups,
            reporter=self.invocation.reporter,
        )
        return _OutOfFold(
            pictures=chosen,
            is_known=np.isin(self.pictures.labels, np.unique(chosen.labels)),
            folds=folds,
            probabilities=probabilities,
            doubts=find_label_doubts(chosen.labels, probabilities),
        )

    def _scores(self, known: _OutOfFold) -> dict[str, Any]:
        labels, num_classes = known.pictures.labels, len(self.pictures.class_names)
        confusion = confusion_matrix(labels, known.predictions, num_classes=num_classes)
        return {
            **classification_summary(labels, known.predictions, num_classes=num_classes),
            "intervals": classification_intervals(confusion),
        }

    def _project(self) -> dict[str, np.ndarray]:
        settings, scaled = self.config.projection, self.pictures.scaled()
        methods = list(dict.fromkeys(settings.methods))
        if "umap" in methods and not has_umap():
            self.invocation.reporter.warn(
                "UMAP is left out because it is not installed: pip install 'artstyle-tf[analysis]'."
            )
            methods.remove("umap")
        if len(scaled) < FEWEST_TO_PROJECT:
            self.invocation.reporter.warn(
                f"Left out: projections and atlas. {len(scaled)} images are too few; it takes "
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
            for method in methods
        }

    def _table(
        self,
        known: _OutOfFold | None,
        clustering: Clustering,
        projections: dict[str, np.ndarray],
    ) -> pd.DataFrame:
        """One row a picture: what it is, what is said of it, and where it lies."""
        rows, names = self.pictures.rows, np.array(self.pictures.class_names)
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
