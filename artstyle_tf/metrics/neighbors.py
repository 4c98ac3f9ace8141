"""Nearest neighbors among embeddings: search, classification and retrieval scores.

Queries are float [Q, D], a gallery is float [N, D], distances are L2. Rows of the gallery in a
query's own group are no neighbors of it. With the parents of images as groups, an image finds
neither itself nor its augmented copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

RECALL_AT = (1, 5, 10)

# Distances are computed for so many pairs at a time: 64 MiB.
_MAX_PAIRS_AT_ONCE = 2**24


@dataclass(frozen=True)
class Neighbors:
    """The k nearest rows of a gallery for each of Q queries, the nearest first.

    Attributes:
        positions: int64 [Q, k], rows of the gallery; -1 where there are no more.
        distances: float32 [Q, k]; inf where there are no more.
    """

    positions: np.ndarray
    distances: np.ndarray


def nearest_neighbors(
    queries: np.ndarray,
    gallery: np.ndarray,
    *,
    num_neighbors: int,
    query_groups: np.ndarray | None = None,
    gallery_groups: np.ndarray | None = None,
) -> Neighbors:
    """Find the k = `num_neighbors` nearest rows exactly; of equally near ones the first.

    Groups are [Q] and [N]. Memory grows with the gallery, not with queries x gallery.
    """
    positions = np.full((len(queries), num_neighbors), -1, np.int64)
    distances = np.full((len(queries), num_neighbors), np.inf, np.float32)
    for rows, squared in squared_distances(queries, gallery, query_groups, gallery_groups):
        nearest = smallest_first(squared, num_neighbors)
        found = np.take_along_axis(squared, nearest, axis=1)
        count = nearest.shape[1]
        positions[rows, :count] = np.where(np.isfinite(found), nearest, -1)
        distances[rows, :count] = np.sqrt(found)
    return Neighbors(positions, distances)


def knn_probabilities(
    neighbors: Neighbors, gallery_labels: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """Compute the fraction of the neighbors' votes for each class: float32 [Q, C].

    If two classes have the same number of votes, the one whose voters are nearer comes first; see
    `rank_weights`. Rows add up to 1 and are uniform for a query without any neighbor.

    Args:
        neighbors: of Q queries, k of each.
        gallery_labels: int [N], class ids in [0, C).
    """
    num_queries, num_neighbors = neighbors.positions.shape
    weights = rank_weights(num_neighbors)
    exists = neighbors.positions >= 0
    votes = np.zeros((num_queries, num_classes))
    rows = np.broadcast_to(np.arange(num_queries)[:, None], exists.shape)
    labels = np.asarray(gallery_labels)[neighbors.positions]
    np.add.at(votes, (rows[exists], labels[exists]), (exists * weights)[exists])
    totals = votes.sum(axis=1, keepdims=True)
    uniform = np.full_like(votes, 1.0 / num_classes)
    return np.divide(votes, totals, out=uniform, where=totals > 0).astype(np.float32)


def rank_weights(num_neighbors: int) -> np.ndarray:
    """Return the weight of each neighbor's vote: float64 [k].

    A vote loses a little with each rank, all together never as much as a vote.
    """
    ranks = np.arange(num_neighbors)
    return 1.0 - ranks / (num_neighbors * max(num_neighbors, 1000))


def prototypes(embeddings: np.ndarray, labels: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Compute the mean embedding of each class, scaled to length 1.

    Args:
        embeddings: float [N, D].
        labels: int [N], class ids in [0, C).

    Returns:
        float32 [C, D]; zeros for a class without images.

    Source: Snell et al. 2017, arXiv:1703.05175.
    """
    is_member = np.arange(num_classes)[:, None] == np.asarray(labels)[None, :]
    sums = is_member.astype(np.float64) @ embeddings  # the mean's direction is the sum's
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, 1e-12)).astype(np.float32)


def prototype_probabilities(embeddings: np.ndarray, class_prototypes: np.ndarray) -> np.ndarray:
    """Compute the softmax over the negative squared distances to the prototypes: float32 [Q, C].

    Source: Snell et al. 2017, arXiv:1703.05175, equation 2.
    """
    ((_, squared),) = squared_distances(embeddings, class_prototypes, at_once=len(embeddings))
    weights = np.exp(-(squared - squared.min(axis=1, keepdims=True)))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def retrieval_scores(
    queries: np.ndarray,
    query_labels: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    query_groups: np.ndarray | None = None,
    gallery_groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compute the scores of each query.

    With R images of the query's class in the gallery:

        recall_at_k   1 if one of the k nearest is of the class, else 0
        r_precision   fraction of the class among the R nearest
        map_at_r      1/R * sum over the ranks i <= R of [i-th is of the class] * precision at i

    Embeddings, labels int and groups are as for `nearest_neighbors`; images of the gallery in the
    query's own group do not count in its R.

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
    """Compute means over the queries that have a score; 0 if none has."""
    return {str(name): float(value) for name, value in scores.mean().fillna(0.0).items()}


def _scores_of_block(is_hit: np.ndarray, num_relevant: np.ndarray) -> pd.DataFrame:
    """Compute scores from the hits bool [Q, ranks], the nearest first, and R int [Q]."""
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


def squared_distances(
    queries: np.ndarray,
    gallery: np.ndarray,
    query_groups: np.ndarray | None = None,
    gallery_groups: np.ndarray | None = None,
    *,
    at_once: int | None = None,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield squared distances by blocks of queries.

    Args:
        queries: float [Q, D].
        gallery: float [N, D].
        query_groups: [Q]; None to leave nothing out.
        gallery_groups: [N]; rows of the query's own group get inf.
        at_once: queries in a block; None for as many as memory should be spent on.

    Yields:
        Which queries, and float32 [block, N].
    """
    queries, gallery = np.asarray(queries, np.float32), np.asarray(gallery, np.float32)
    lengths = np.square(gallery).sum(axis=1)
    at_once = at_once or max(1, _MAX_PAIRS_AT_ONCE // max(1, len(gallery)))
    for start in range(0, len(queries), at_once):
        rows = slice(start, min(start + at_once, len(queries)))
        block = queries[rows]
        squared = np.square(block).sum(axis=1)[:, None] + lengths - 2.0 * block @ gallery.T
        np.maximum(squared, 0.0, out=squared)
        if query_groups is not None and gallery_groups is not None:
            squared[np.asarray(query_groups)[rows, None] == np.asarray(gallery_groups)] = np.inf
        yield rows, squared


def smallest_first(values: np.ndarray, count: int) -> np.ndarray:
    """Return positions of the smallest values of each row, ties in order: int [Q, <= count]."""
    count = min(count, values.shape[1])
    if count == values.shape[1]:
        return np.argsort(values, axis=1, kind="stable")
    # A partial sort may take any of several equal values at the border; so all of them are
    # candidates, and the first are returned.
    border = np.partition(values, count - 1, axis=1)[:, count - 1 : count]
    is_candidate = values <= border
    width = int(is_candidate.sum(axis=1).max())
    candidates = np.argsort(~is_candidate, axis=1, kind="stable")[:, :width]
    found = np.take_along_axis(values, candidates, axis=1)
    return np.take_along_axis(candidates, np.argsort(found, axis=1, kind="stable"), axis=1)[
        :, :count
    ]
