"""Tables and figures of an analysis: maps, clusters, notable images, suspected label errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analyzed_images import AnalyzedImages
from artstyle_tf.analysis.clustering import (
    Clustering,
    cluster,
    clustering_scores,
    contingency,
    silhouette,
)
from artstyle_tf.analysis.out_of_fold import LabelErrors, most_ambiguous, most_typical
from artstyle_tf.analysis.paths import AnalysisOutputs
from artstyle_tf.analysis.projection import PROJECTION_IN_WORDS, principal_components
from artstyle_tf.analysis.settings import ClusteringConfig
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.plots.feature_figures import plot_contingency, plot_silhouettes
from artstyle_tf.plots.image_rows import plot_image_rows
from artstyle_tf.plots.projection_map import (
    MOST_CATEGORIES,
    largest_categories,
    plot_projection_map,
)
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import class_labels
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.progress import Reporter

COLUMNS_OF_SHEETS = 8
_MOST_ROWS_OF_SHEETS = 24
# Distances in many dimensions are all similar; the leading components hold the structure.
_COMPONENTS_FOR_CLUSTERS = 50
GROUPS_IN_COLOR = 7

NOTE_OF_PREDICTIONS = "predictions: logistic regression on these features, out of fold"


def cluster_images(
    images: AnalyzedImages, settings: ClusteringConfig, *, seed: int, reporter: Reporter
) -> tuple[Clustering, dict[str, Any]]:
    """Cluster the images with K-Means, and score how well clusters agree with styles.

    Returns:
        The clustering of all images, and its scores as JSON values, for the training images, to
        which it was fitted, and for the others.
    """
    reduced = principal_components(images.scaled(), _COMPONENTS_FOR_CLUSTERS, seed=seed)
    is_fitted = images.is_train
    most = max(1, int(is_fitted.sum()) - 1)
    if settings.num_clusters is not None:
        tried: Sequence[int] = [min(settings.num_clusters, most)]
    else:
        tried = range(settings.min_clusters, min(settings.max_clusters, most) + 1) or [1]
    configured = settings.num_clusters or settings.min_clusters
    if max(tried) < configured:
        reporter.warn(
            f"{int(is_fitted.sum())} images are too few for {configured} "
            f"clusters; the number is {max(tried)}."
        )
    found = cluster(reduced, is_fitted, tried, seed=seed, reporter=reporter)

    def scores(chosen: np.ndarray) -> dict[str, float] | None:
        if not chosen.any():
            return None
        return {
            **clustering_scores(images.labels[chosen], found.clusters[chosen]),
            "silhouette": silhouette(reduced[chosen], found.clusters[chosen], seed=seed),
        }

    return found, {
        "num_clusters": found.num_clusters,
        "chosen_by": "silhouette" if settings.num_clusters is None else "user",
        "fitted": scores(is_fitted),
        "held_out": scores(~is_fitted),
    }


def write_clusters(
    images: AnalyzedImages,
    clustering: Clustering,
    scores: dict[str, Any],
    outputs: AnalysisOutputs,
) -> None:
    """Write contingency table, scores, and a sheet of the images next to each center."""
    names = images.class_names
    counts = contingency(images.labels, clustering.clusters, num_classes=len(names))
    columns = [f"cluster {number + 1}" for number in range(counts.shape[1])]
    table = pd.DataFrame(counts, index=list(names), columns=columns)
    write_text(outputs.folder / "contingency.csv", csv_text(table, index_label="label"))
    silhouettes = {str(number): value for number, value in clustering.silhouettes.items()}
    write_json(outputs.folder / "clusters.json", {**scores, "silhouettes": silhouettes})
    save_figure(
        plot_contingency(counts, names, title=outputs.title), outputs.figures / "contingency.png"
    )
    if len(clustering.silhouettes) > 1:
        figure = plot_silhouettes(
            clustering.silhouettes, chosen=clustering.num_clusters, title=outputs.title
        )
        save_figure(figure, outputs.figures / "silhouettes.png")
    labels = class_labels(names, longest=16)
    rows, row_names = [], []
    for number in range(min(clustering.num_clusters, _MOST_ROWS_OF_SHEETS)):
        members = np.flatnonzero(clustering.clusters == number)
        nearest = members[np.argsort(clustering.distances[members], kind="stable")]
        if len(nearest):
            rows.append(nearest[:COLUMNS_OF_SHEETS])
            row_names.append(f"cluster {number + 1} ({len(members)})")
    _write_sheet(
        images,
        rows,
        lambda position: labels[images.labels[position]],
        row_names,
        file=outputs.figures / "clusters.png",
        title=f"{outputs.title}: images closest to the cluster centers",
    )


def write_notable_images(
    images: AnalyzedImages, probabilities: np.ndarray, outputs: AnalysisOutputs
) -> None:
    """Draw the most typical and the most ambiguous images of each style."""
    shown = class_labels(images.class_names, longest=16)
    labels = images.labels
    own = probabilities[np.arange(len(labels)), labels]
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    names = [str(images.class_names[number]) for number in np.unique(labels)]

    def of_both(position: int) -> str:
        other = others[position].argmax()
        return f"{own[position]:.2f}, {shown[other]} {others[position, other]:.2f}"

    for choose, caption, file, what in (
        (most_typical, lambda position: f"{own[position]:.2f}", "typical", "most typical"),
        (most_ambiguous, of_both, "ambiguous", "most ambiguous"),
    ):
        rows = choose(labels, probabilities, per_class=COLUMNS_OF_SHEETS)
        _write_sheet(
            images,
            rows[:_MOST_ROWS_OF_SHEETS],
            caption,
            names[:_MOST_ROWS_OF_SHEETS],
            file=outputs.figures / f"{file}.png",
            title=f"{outputs.title}: {what} images of each style",
        )


def write_label_errors(
    images: AnalyzedImages,
    errors: LabelErrors,
    probabilities: np.ndarray,
    outputs: AnalysisOutputs,
) -> pd.DataFrame:
    """Write suspected label errors, the most suspect first, as a table and as a sheet.

    Returns:
        The table: path, label, suggested, probability of either, split, group.
    """
    names, order = np.array(images.class_names), errors.ranking
    rows = images.rows.iloc[order]
    table = pd.DataFrame(
        {
            "path": rows["source"].to_numpy(),
            "label": rows["label"].to_numpy(),
            "suggested": names[errors.suggested[order]],
            "probability_of_label": errors.quality[order],
            "probability_of_suggested": probabilities[order, errors.suggested[order]],
            "split": rows["split"].to_numpy(),
            "group": rows["group"].to_numpy(),
        }
    )
    write_text(outputs.folder / "label_errors.csv", csv_text(table, float_format="%.4f"))
    shown = class_labels(images.class_names, longest=16)
    of_styles = [
        (n, order[images.labels[order] == n][:COLUMNS_OF_SHEETS]) for n in range(len(names))
    ]
    of_styles = [(n, positions) for n, positions in of_styles if len(positions)]
    if of_styles:
        _write_sheet(
            images,
            [positions for _, positions in of_styles[:_MOST_ROWS_OF_SHEETS]],
            lambda at: (
                f"{shown[errors.suggested[at]]}? {probabilities[at, errors.suggested[at]]:.2f}"
            ),
            [str(names[number]) for number, _ in of_styles[:_MOST_ROWS_OF_SHEETS]],
            file=outputs.figures / "label_errors.png",
            title=f"{outputs.title}: suspected label errors with suggested style",
        )
    return table


def write_maps(
    images: AnalyzedImages,
    method: str,
    points: np.ndarray,
    clustering: Clustering,
    predictions: np.ndarray,
    outputs: AnalysisOutputs,
) -> None:
    """Draw one projection colored by style, cluster, correctness and, where known, group."""
    names = list(images.class_names)
    styles = [names[number] for number in images.labels]
    clusters = [f"cluster {number + 1:02d}" for number in clustering.clusters]
    maps: dict[str, tuple[np.ndarray, list[str], str]] = {
        "style": (*largest_categories(styles, most=MOST_CATEGORIES), ""),
        "cluster": (*largest_categories(clusters, most=MOST_CATEGORIES), "K-Means"),
        "correctness": (*correctness(predictions, images.labels), NOTE_OF_PREDICTIONS),
    }
    groups = images.rows["group"]
    if groups.duplicated().any():
        maps["group"] = (
            *largest_categories(groups, most=GROUPS_IN_COLOR),
            "the largest groups are colored",
        )
    for name, (categories, category_names, note) in maps.items():
        figure = plot_projection_map(
            points,
            categories,
            category_names,
            title=f"{outputs.title}: {PROJECTION_IN_WORDS[method]} by {name}",
            note=note,
        )
        save_figure(figure, outputs.figures / f"{method}_by_{name}.png")


def correctness(predictions: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return int [N], and the names of its values: correct, incorrect, or not predicted.

    Args:
        predictions: class ids int [N]; -1 for an image that was not predicted.
        labels: int [N].
    """
    is_known = predictions >= 0
    states = np.where(is_known, (predictions != labels).astype(int), 2)
    names = ["correct", "incorrect"]
    return states, names if is_known.all() else [*names, "not predicted"]


def _write_sheet(
    images: AnalyzedImages,
    rows: Sequence[np.ndarray],
    caption: Callable[[int], str],
    row_names: Sequence[str],
    *,
    file: Path,
    title: str,
) -> None:
    show = images.image_loader()
    figure = plot_image_rows(
        [[show(int(position)) for position in row] for row in rows],
        [[(caption(int(position)), None) for position in row] for row in rows],
        row_names,
        title=title,
    )
    save_figure(figure, file)
