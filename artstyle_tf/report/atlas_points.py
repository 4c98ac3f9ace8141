"""Find the points of a report's embedding map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.projection import PROJECTION_IN_WORDS, project
from artstyle_tf.analysis.settings import ProjectionConfig
from artstyle_tf.images.index.image_tables import read_csv_table
from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.report.sections.atlas import Atlas
from artstyle_tf.runs.gallery import EMBEDDINGS_FILE, load_gallery
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory

_PREFERRED = ("umap", "tsne", "pca")
_FEWEST_FOR_TSNE = 30
_FEWEST_POINTS = 4
_SMALLEST_PROBABILITY = 1e-6  # predictions are written with six digits


def find_atlas(
    run: RunDirectory, facts: RunFacts, related: RelatedResults, *, most: int, seed: int
) -> Atlas | None:
    """Return the projection of an analysis, else one of the features stored with the run.

    Args:
        run: directory of the run.
        facts: of the run.
        related: contains the analysis.
        most: points at most; evaluated images take precedence, others are sampled.
        seed: of projection and sampling.

    Returns:
        None if there are too few images.
    """
    found = _of_analysis(facts, related.analysis)
    if found is None:
        found = _projected(read_stored_features(run, facts), seed)
    if found is None:
        return None
    # Predictions for evaluated images only: those for training images are not informative.
    predictions = facts.evaluated.predictions[["path", "prediction", "confidence"]]
    points = found.points.drop(columns=["prediction", "confidence"], errors="ignore")
    points = points.merge(predictions, on="path", how="left")
    return Atlas(_at_most(points, most, seed), found.note)


def _of_analysis(facts: RunFacts, analysis: Mapping[str, Any] | None) -> Atlas | None:
    if analysis is None:
        return None
    file = Path(analysis["folder"]) / "images.csv"
    if not file.is_file():
        return None
    table = read_csv_table(file, dtype={"path": str, "label": str}, keep_default_na=False)
    names = [name for name in _PREFERRED if f"{name}_x" in table]
    if not names or not table["path"].isin(facts.images["source"]).all():  # other images
        return None
    points = table[["path", "label", "split"]].assign(
        x=table[f"{names[0]}_x"].astype(float), y=table[f"{names[0]}_y"].astype(float)
    )
    return Atlas(
        points,
        f"All images by their features at layer {analysis['layer']} "
        f"({PROJECTION_IN_WORDS[names[0]]}, from the analysis {analysis['name']}).",
    )


@dataclass(frozen=True)
class StoredFeatures:
    """Features of N images that are stored with a run.

    Attributes:
        rows: path, label, split.
        features: float [N, D].
        description: of the features.
    """

    rows: pd.DataFrame
    features: np.ndarray
    description: str


def read_stored_features(run: RunDirectory, facts: RunFacts) -> StoredFeatures:
    """Return embeddings of all images or, for a classifier, log probabilities of evaluated ones."""
    files = {"train": run.gallery_file}
    files |= {split: run.path / part / EMBEDDINGS_FILE for split, part in NAME_IN_RESULT.items()}
    read = {
        split: load_gallery(file, num_classes=len(facts.class_names))
        for split, file in files.items()
        if file.is_file()
    }
    if not read:
        return _log_probabilities(facts)
    source_of = dict(zip(facts.images["path"], facts.images["source"], strict=True))
    names = np.array(facts.class_names)
    tables = [
        pd.DataFrame(
            {
                "path": [source_of.get(path, path) for path in gallery.paths.tolist()],
                "label": names[gallery.labels],
                "split": split,
            }
        )
        for split, gallery in read.items()
    ]
    return StoredFeatures(
        pd.concat(tables, ignore_index=True),
        np.concatenate([gallery.embeddings for gallery in read.values()]),
        "Images by their embeddings",
    )


def _log_probabilities(facts: RunFacts) -> StoredFeatures:
    predictions = facts.evaluated.predictions
    columns = [f"probability_{name}" for name in facts.class_names]
    probabilities = predictions[columns].to_numpy(dtype=float)
    split = next(s for s, part in NAME_IN_RESULT.items() if part == facts.evaluated.part)
    return StoredFeatures(
        predictions[["path", "label"]].assign(split=split),
        np.log(np.maximum(probabilities, _SMALLEST_PROBABILITY)),
        f"{facts.evaluated.part.capitalize()} images by their predicted log probabilities",
    )


def _projected(stored: StoredFeatures, seed: int) -> Atlas | None:
    if len(stored.rows) < _FEWEST_POINTS:
        return None
    method = "tsne" if len(stored.rows) >= _FEWEST_FOR_TSNE else "pca"
    points = project(stored.features, method, settings=ProjectionConfig(), seed=seed)
    across, up = points[:, 0], points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    note = (
        f"{stored.description} ({PROJECTION_IN_WORDS[method]}); images that are similar for the "
        "model lie close together."
    )
    return Atlas(stored.rows.assign(x=across.astype(float), y=up.astype(float)), note)


def _at_most(points: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    if len(points) <= most:
        return points
    order = np.random.default_rng(seed).permutation(len(points))
    is_learned = points["prediction"].isna().to_numpy()[order]
    chosen = order[np.argsort(is_learned, kind="stable")][:most]
    return points.iloc[np.sort(chosen)].reset_index(drop=True)
