"""Evaluation of an embedding on images: as a classifier by nearest neighbors, and as a search."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.metrics.calibration import Calibration
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.embedding_health import same_and_different_distances
from artstyle_tf.metrics.neighbors import (
    Neighbors,
    knn_probabilities,
    nearest_neighbors,
    prototype_probabilities,
    prototypes,
    retrieval_scores,
    retrieval_summary,
)
from artstyle_tf.metrics.uncertainty import classification_intervals, mean_intervals
from artstyle_tf.plots.distance_histogram import plot_distance_histogram
from artstyle_tf.plots.neighbor_sheet import (
    NUM_NEIGHBORS,
    choose_queries,
    plot_neighbor_sheet,
)
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import class_labels
from artstyle_tf.runs.gallery import EMBEDDINGS_FILE, Gallery, save_gallery
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.evaluation import (
    Evaluation,
    accepted_by,
    evaluate_probabilities,
    write_evaluation,
)


def image_ids(images: SplitImages) -> np.ndarray:
    """Return ids str [N], equal for an image, its augmented copies and exact duplicates."""
    return images.rows["source_digest"].to_numpy(dtype=str)


def num_votes(num_neighbors: int, gallery: Gallery, reporter: Reporter) -> int:
    """Return how many neighbors vote: k, or the size of a smaller gallery, with a warning."""
    if len(gallery) >= num_neighbors:
        return num_neighbors
    reporter.warn(
        f"training.num_neighbors={num_neighbors} is more than the {len(gallery)} training "
        f"images: {len(gallery)} neighbors vote."
    )
    return len(gallery)


def neighbors_in_gallery(
    gallery: Gallery, embeddings: np.ndarray, images: SplitImages, *, num_neighbors: int
) -> Neighbors:
    """Find the neighbors of embedded images float32 [N, D]; none is its own neighbor."""
    return nearest_neighbors(
        embeddings,
        gallery.embeddings,
        num_neighbors=num_neighbors,
        query_groups=image_ids(images),
        gallery_groups=gallery.ids,
    )


def evaluate_embeddings(
    embeddings: np.ndarray,
    images: SplitImages,
    gallery: Gallery,
    class_names: Sequence[str],
    *,
    num_neighbors: int,
    calibration: Calibration | None,
) -> Evaluation:
    """Classify images by their neighbors in the gallery, and score the search.

    Args:
        embeddings: float32 [N, D].
        images: N images; none is its own neighbor.
        calibration: of the run; None while it has none.

    Returns:
        Predictions and scores of k-NN; in addition prototype_macro_f1, prototype_accuracy,
        recall_at_1, recall_at_5, recall_at_10, r_precision and map_at_r.
    """
    num_classes = len(class_names)
    neighbors = neighbors_in_gallery(gallery, embeddings, images, num_neighbors=num_neighbors)
    probabilities = knn_probabilities(neighbors, gallery.labels, num_classes=num_classes)
    evaluation = evaluate_probabilities(
        probabilities, images, class_names, accepted=accepted_by(calibration, probabilities)
    )
    by_prototype = prototype_probabilities(
        embeddings, prototypes(gallery.embeddings, gallery.labels, num_classes=num_classes)
    ).argmax(axis=1)
    prototype_scores = classification_summary(images.labels, by_prototype, num_classes=num_classes)
    prototype_intervals = classification_intervals(
        confusion_matrix(images.labels, by_prototype, num_classes=num_classes)
    )
    of_queries = retrieval_scores(
        embeddings,
        images.labels,
        gallery.embeddings,
        gallery.labels,
        query_groups=image_ids(images),
        gallery_groups=gallery.ids,
    )
    shown = ("macro_f1", "accuracy")
    return dataclasses.replace(
        evaluation,
        metrics={
            **evaluation.metrics,
            **{f"prototype_{name}": prototype_scores[name] for name in shown},
            **retrieval_summary(of_queries),
        },
        intervals={
            **evaluation.intervals,
            **{f"prototype_{name}": prototype_intervals[name] for name in shown},
            **mean_intervals(of_queries, images.labels),
        },
    )


def write_embedding_evaluation(
    evaluation: Evaluation,
    embeddings: np.ndarray,
    images: SplitImages,
    gallery: Gallery,
    class_names: Sequence[str],
    *,
    show: Callable[[int], np.ndarray] | None,
    folder: Path,
    figures: Path,
    title: str,
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write what `write_evaluation` does, the embeddings, and figures of their space.

    Args:
        embeddings: float32 [N, D].
        show: position in the gallery -> image uint8 [S, S, 3]; None if its images are not
            available, so that there is no figure of neighbors.
        further: JSON values that metrics.json contains in addition to the scores.
    """
    write_evaluation(
        evaluation,
        images,
        class_names,
        folder=folder,
        figures=figures,
        title=title,
        further=further,
    )
    paths = images.rows["path"].to_numpy(dtype=str)
    measured = Gallery(embeddings, images.labels, image_ids(images), paths)
    save_gallery(folder / EMBEDDINGS_FILE, measured)
    same, different = same_and_different_distances(embeddings, images.labels)
    histogram = plot_distance_histogram(same, different, title=title)
    save_figure(histogram, figures / "distances.png")
    if show is not None:
        sheet = _plot_neighbors(embeddings, images, gallery, class_names, show=show, title=title)
        save_figure(sheet, figures / "neighbors.png")


def _plot_neighbors(
    embeddings: np.ndarray,
    images: SplitImages,
    gallery: Gallery,
    class_names: Sequence[str],
    *,
    show: Callable[[int], np.ndarray],
    title: str,
) -> Figure:
    neighbors = neighbors_in_gallery(
        gallery, embeddings, images, num_neighbors=min(NUM_NEIGHBORS, len(gallery) - 1)
    )
    exists = neighbors.positions >= 0
    is_same_class = (gallery.labels[neighbors.positions] == images.labels[:, None]) & exists
    queries = choose_queries(images.labels, is_same_class)
    styles = class_labels(class_names, longest=16)
    shown, captions = [], []
    for query in queries:
        found = exists[query]
        positions = neighbors.positions[query][found]
        names = [styles[int(label)] for label in gallery.labels[positions]]
        distances = neighbors.distances[query][found]
        texts = [f"{name} {length:.2f}" for name, length in zip(names, distances, strict=True)]
        shown.append([show(int(position)) for position in positions])
        captions.append(list(zip(texts, is_same_class[query][found].tolist(), strict=True)))
    return plot_neighbor_sheet(
        [images.store.load(query).numpy() for query in queries],
        shown,
        captions,
        [class_names[int(label)] for label in images.labels[queries]],
        title=f"{title}: nearest training images, with distances",
    )
