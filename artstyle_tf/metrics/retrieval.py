"""How well a search in the embedding space finds images of the same class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.metrics.neighbors import smallest_first, squared_distances

RECALL_AT = (1, 5, 10)


def retrieval_scores(
    queries: np.ndarray,
    query_labels: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    query_groups: np.ndarray | None = None,
    gallery_groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Scores of each query.

    With R images of the query's class in the gallery:

        recall_at_k   1 if one of the k nearest is of the class, else 0
        r_precision   share of the class among the R nearest
        map_at_r      1/R * sum over the ranks i <= R of [i-th is of the class] * precision at i

    Args:
        queries: float [Q, D].
        query_labels: int [Q].
        gallery: float [N, D].
        gallery_labels: int [N].
        query_groups: [Q]; see `nearest_neighbors`.
        gallery_groups: [N]; what is left out of the gallery for a query does not count in its R.

    Returns:
        One row a query: recall_at_1, recall_at_5, recall_at_10, r_precision, map_at_r, float64;
        NaN for a query whose class the gallery does not have.

    Source: Musgrave et al. 2020, arXiv:2003.08505, as in pytorch-metric-learning's
    AccuracyCalculator (recall_at_1 is its precision_at_1).
    """
    query_labels, gallery_labels = np.asarray(query_labels), np.asarray(gallery_labels)
    parts = []
    for rows, squared in squared_distances(queries, gallery, query_groups, gallery_groups):
        is_same = query_labels[rows, None] == gallery_labels
        num_relevant = (is_same & np.isfinite(squared)).sum(axis=1)
        most = max(int(num_relevant.max(initial=0)), *RECALL_AT)
        nearest = smallest_first(squared, most)
        is_left_out = ~np.isfinite(np.take_along_axis(squared, nearest, axis=1))
        is_hit = np.take_along_axis(is_same, nearest, axis=1) & ~is_left_out
        parts.append(_scores_of_block(is_hit, num_relevant))
    return pd.concat(parts, ignore_index=True)


def retrieval_summary(scores: pd.DataFrame) -> dict[str, float]:
    """Means over the queries that have a score; 0 if none has."""
    return {str(name): float(value) for name, value in scores.mean().fillna(0.0).items()}


def _scores_of_block(is_hit: np.ndarray, num_relevant: np.ndarray) -> pd.DataFrame:
    """Scores from the hits among the nearest.

    Args:
        is_hit: bool [Q, most], the nearest first.
        num_relevant: int [Q], R.
    """
    ranks = np.arange(1, is_hit.shape[1] + 1)
    counts = np.where(ranks <= num_relevant[:, None], is_hit, False)
    precision = np.cumsum(counts, axis=1) / ranks
    relevant = np.where(num_relevant > 0, num_relevant, np.nan)
    scores = {
        f"recall_at_{k}": np.where(num_relevant > 0, is_hit[:, :k].any(axis=1), np.nan)
        for k in RECALL_AT
    }
    scores["r_precision"] = counts.sum(axis=1) / relevant
    scores["map_at_r"] = (precision * counts).sum(axis=1) / relevant
    return pd.DataFrame(scores, dtype=np.float64)
