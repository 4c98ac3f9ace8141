"""Where the points of a report's atlas come from."""

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
from artstyle_tf.report.run_facts import PART_OF_SPLIT, Atlas, FurtherResults, RunFacts
from artstyle_tf.runs.gallery import Gallery, load_gallery
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.training.embedding_evaluation import EMBEDDINGS_FILE

_PREFERRED = ("umap", "tsne", "pca")
_FEWEST_FOR_TSNE = 30
_FEWEST_POINTS = 4
_SMALLEST_PROBABILITY = 1e-6  # predictions are written with six digits


def find_atlas(
    run: RunDirectory, facts: RunFacts, further: FurtherResults, *, most: int, seed: int
) -> Atlas | None:
    """The projection of an analysis if there is one, else one of what the run itself has kept.

    Args:
        run: directory of the run.
        facts: of the run.
        further: holds the analysis.
        most: points; images that judge come before others, which are drawn.
        seed: of projection and drawing.

    Returns:
        None if there are too few images.
    """
    found = _of_analysis(facts, further.analysis)
    if found is None:
        found = _projected(read_kept_features(run, facts), seed)
    if found is None:
        return None
    points = _with_predictions(found.points, facts)
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
        f"All images by the features of layer {analysis['layer']}, as the analysis "
        f"{analysis['name']} has placed them ({PROJECTION_IN_WORDS[names[0]]}).",
    )


@dataclass(frozen=True)
class KeptFeatures:
    """What a run has kept of N images.

    Attributes:
        rows: path, label, split.
        features: float [N, D].
        what: they are, in words.
    """

    rows: pd.DataFrame
    features: np.ndarray
    what: str


def read_kept_features(run: RunDirectory, facts: RunFacts) -> KeptFeatures:
    """Embeddings of all images or, of a classifier, log probabilities of those that judge."""
    files = {"train": run.gallery_file}
    files |= {split: run.path / part / EMBEDDINGS_FILE for split, part in PART_OF_SPLIT.items()}
    read = {
        split: load_gallery(file, num_classes=len(facts.class_names))
        for split, file in files.items()
        if file.is_file()
    }
    if not read:
        return _log_probabilities(facts)
    source_of = dict(zip(facts.images["path"], facts.images["source"], strict=True))
    rows = pd.concat([_rows(split, gallery, facts, source_of) for split, gallery in read.items()])
    return KeptFeatures(
        rows.reset_index(drop=True),
        np.concatenate([gallery.embeddings for gallery in read.values()]),
        "Images by their embeddings",
    )


def _rows(
    split: str, gallery: Gallery, facts: RunFacts, source_of: Mapping[str, str]
) -> pd.DataFrame:
    names = np.array(facts.class_names)
    return pd.DataFrame(
        {
            "path": [source_of.get(path, path) for path in gallery.paths.tolist()],
            "label": names[gallery.labels],
            "split": split,
        }
    )


def _log_probabilities(facts: RunFacts) -> KeptFeatures:
    predictions = facts.judged.predictions
    columns = [f"probability_{name}" for name in facts.class_names]
    probabilities = predictions[columns].to_numpy(dtype=float)
    split = next(s for s, part in PART_OF_SPLIT.items() if part == facts.judged.part)
    return KeptFeatures(
        predictions[["path", "label"]].assign(split=split),
        np.log(np.maximum(probabilities, _SMALLEST_PROBABILITY)),
        f"The {facts.judged.part} images by the probabilities that they were given",
    )


def _projected(kept: KeptFeatures, seed: int) -> Atlas | None:
    if len(kept.rows) < _FEWEST_POINTS:
        return None
    method = "tsne" if len(kept.rows) >= _FEWEST_FOR_TSNE else "pca"
    points = project(kept.features, method, settings=ProjectionConfig(), seed=seed)
    across, up = points[:, 0], points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    note = f"{kept.what} ({PROJECTION_IN_WORDS[method]}): alike for the run lies together."
    return Atlas(kept.rows.assign(x=across.astype(float), y=up.astype(float)), note)


def _with_predictions(points: pd.DataFrame, facts: RunFacts) -> pd.DataFrame:
    """What the run says of images that judge it; what it has learned from tells nothing."""
    said = facts.judged.predictions[["path", "prediction", "confidence"]]
    kept = points.drop(columns=["prediction", "confidence"], errors="ignore")
    return kept.merge(said, on="path", how="left")


def _at_most(points: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    if len(points) <= most:
        return points
    order = np.random.default_rng(seed).permutation(len(points))
    is_learned = points["prediction"].isna().to_numpy()[order]
    chosen = order[np.argsort(is_learned, kind="stable")][:most]
    return points.iloc[np.sort(chosen)].reset_index(drop=True)
