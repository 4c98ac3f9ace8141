"""Folds, depths, clusters, doubts, maps and atlas of pictures with features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.clustering import Clustering
from artstyle_tf.analysis.label_doubts import LabelDoubts, find_label_doubts
from artstyle_tf.analysis.out_of_fold import out_of_fold_probabilities
from artstyle_tf.analysis.projection import has_umap, project
from artstyle_tf.config.experiment import AnalyzeExperiment
from artstyle_tf.data.picture_tables import csv_text
from artstyle_tf.files import write_text
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.uncertainty import classification_intervals
from artstyle_tf.workflows.analyzing.analysis_source import AnalysisSource
from artstyle_tf.workflows.analyzing.analyzed_pictures import AnalyzedPictures
from artstyle_tf.workflows.analyzing.atlas_page import write_atlas
from artstyle_tf.workflows.analyzing.depth_view import write_depths
from artstyle_tf.workflows.analyzing.feature_views import (
    cluster_pictures,
    write_clusters,
    write_label_doubts,
    write_maps,
    write_notable_pictures,
)
from artstyle_tf.workflows.evaluation import SEED_OF_INTERVALS
from artstyle_tf.workflows.invocation import Invocation


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
        """Folds, depths, clusters, doubts, maps and atlas; returns their part of the result."""
        config, pictures = self.config, self.pictures
        stopwatch, reporter = self.invocation.stopwatch, self.invocation.reporter
        where: dict[str, Any] = {"figures": self.figures, "title": self.title}
        with stopwatch.stage("out_of_fold"):
            folds = pictures.folds(
                num_folds=config.folds.num_folds, by_group=config.folds.by_group, seed=config.seed
            )
            probabilities = self._out_of_fold(folds)
        predictions = probabilities.argmax(axis=1)
        depths = None
        if config.depths:
            with stopwatch.stage("depths"):
                depths = write_depths(
                    pictures, folds, folder=self.folder, reporter=reporter, **where
                )
        with stopwatch.stage("clusters"):
            clustering, scores = cluster_pictures(
                pictures, config.clustering, seed=config.seed, reporter=reporter
            )
            write_clusters(pictures, clustering, scores, folder=self.folder, **where)
        with stopwatch.stage("sheets"):
            doubts = find_label_doubts(pictures.labels, probabilities)
            write_label_doubts(pictures, doubts, probabilities, folder=self.folder, **where)
            write_notable_pictures(pictures, probabilities, **where)
        with stopwatch.stage("projections"):
            projections = self._project()
            for method, points in projections.items():
                write_maps(pictures, method, points, clustering, predictions, **where)
        table = self._table(probabilities, clustering, doubts, projections)
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
        return {
            "out_of_fold": self._scores(predictions),
            "depths": depths,
            "clusters": scores,
            "num_doubted": int(doubts.is_doubted.sum()),
            "projections": list(projections),
            "atlas": None if atlas is None else str(atlas),
        }

    def _out_of_fold(self, folds: np.ndarray) -> np.ndarray:
        return out_of_fold_probabilities(
            self.pictures.features,
            self.pictures.labels,
            folds,
            num_classes=len(self.pictures.class_names),
            groups=self.pictures.groups,
            reporter=self.invocation.reporter,
        )

    def _scores(self, predictions: np.ndarray) -> dict[str, Any]:
        labels, num_classes = self.pictures.labels, len(self.pictures.class_names)
        confusion = confusion_matrix(labels, predictions, num_classes=num_classes)
        return {
            **classification_summary(labels, predictions, num_classes=num_classes),
            "intervals": classification_intervals(confusion, seed=SEED_OF_INTERVALS),
        }

    def _project(self) -> dict[str, np.ndarray]:
        settings, scaled = self.config.projection, self.pictures.scaled()
        methods = list(dict.fromkeys(settings.methods))
        if "umap" in methods and not has_umap():
            self.invocation.reporter.warn(
                "UMAP is left out because it is not installed: pip install 'artstyle-tf[analysis]'."
            )
            methods.remove("umap")
        return {
            method: project(
                scaled,
                method,
                seed=self.config.seed,
                umap_neighbours=settings.umap_neighbours,
                umap_least_distance=settings.umap_least_distance,
                tsne_perplexity=settings.tsne_perplexity,
                reporter=self.invocation.reporter,
            )
            for method in methods
        }

    def _table(
        self,
        probabilities: np.ndarray,
        clustering: Clustering,
        doubts: LabelDoubts,
        projections: dict[str, np.ndarray],
    ) -> pd.DataFrame:
        """One row a picture: what it is, what is said of it, and where it lies."""
        rows, names = self.pictures.rows, np.array(self.pictures.class_names)
        predictions = probabilities.argmax(axis=1)
        table = pd.DataFrame(
            {
                "path": rows["source"],
                "label": rows["label"],
                "split": rows["split"],
                "group": rows["group"],
                "cluster": clustering.clusters + 1,
                "prediction": names[predictions],
                "confidence": probabilities.max(axis=1),
                "probability_of_label": doubts.quality,
                "doubted": doubts.is_doubted,
            }
        )
        for method, points in projections.items():
            table[f"{method}_x"], table[f"{method}_y"] = points.T
        return table
