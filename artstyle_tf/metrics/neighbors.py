"""Nearest neighbors among embeddings, and what they say about a class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Distances are computed for so many pairs at a time: 64 MiB.
_MOST_PAIRS_AT_ONCE = 2**24


@dataclass(frozen=True)
class Neighbors:
    """The k nearest rows of a gallery for each of Q queries, the nearest first.

    Attributes:
        positions: int64 [Q, k], rows of the gallery; -1 where there are no more.
        distances: float32 [Q, k], L2; inf where there are no more.
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
    """Finds the nearest rows exactly; of equally near ones the first.

    Args:
        queries: float [Q, D].
        gallery: float [N, D].
        num_neighbors: k.
        query_groups: [Q], group of each query.
        gallery_groups: [N]; rows of the query's own group are no neighbors. With the parents of
            images as groups, an image finds neither itself nor its augmented copies.

    Returns:
        The neighbors; memory grows with the gallery, not with queries x gallery.
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
    """Share of the neighbors' votes that each class gets.

    If two classes have the same number of votes, the one whose voters stand further to the front
    comes first; see `rank_weights`.

    Args:
        neighbors: of Q queries, k of each.
        gallery_labels: int [N], class ids in [0, C).
        num_classes: C.

    Returns:
        float32 [Q, C], rows add up to 1; uniform for a query without any neighbor.
    """
    num_queries, num_neighbors = neighbors.positions.shape
    weights = rank_weights(num_neighbors)
    is_there = neighbors.positions >= 0
    votes = np.zeros((num_queries, num_classes))
    rows = np.broadcast_to(np.arange(num_queries)[:, None], is_there.shape)
    labels = np.asarray(gallery_labels)[neighbors.positions]
    np.add.at(votes, (rows[is_there], labels[is_there]), (is_there * weights)[is_there])
    totals = votes.sum(axis=1, keepdims=True)
    uniform = np.full_like(votes, 1.0 / num_classes)
    return np.divide(votes, totals, out=uniform, where=totals > 0).astype(np.float32)


def rank_weights(num_neighbors: int) -> np.ndarray:
    """What the vote of each neighbor counts: float64 [k].

    A vote loses a little with each rank, all together never as much as a vote.
    """
    ranks = np.arange(num_neighbors)
    return 1.0 - ranks / (num_neighbors * max(num_neighbors, 1000))


def prototypes(embeddings: np.ndarray, labels: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Mean embedding of each class, scaled to length 1.

    Args:
        embeddings: float [N, D].
        labels: int [N], class ids in [0, C).
        num_classes: C.

    Returns:
        float32 [C, D]; zeros for a class without images.

    Source: Snell et al. 2017, arXiv:1703.05175.
    """
    is_member = np.arange(num_classes)[:, None] == np.asarray(labels)[None, :]
    sums = is_member.astype(np.float64) @ embeddings  # the mean's direction is the sum's
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, 1e-12)).astype(np.float32)


def prototype_probabilities(embeddings: np.ndarray, class_prototypes: np.ndarray) -> np.ndarray:
    """Softmax over the negative squared L2 distances to the prototypes.

    Args:
        embeddings: float [Q, D].
        class_prototypes: float [C, D].

    Returns:
        float32 [Q, C], rows add up to 1.

    Source: Snell et al. 2017, arXiv:1703.05175, equation 2.
    """
    ((_, squared),) = squared_distances(embeddings, class_prototypes, at_once=len(embeddings))
    weights = np.exp(-(squared - squared.min(axis=1, keepdims=True)))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def squared_distances(
    queries: np.ndarray,
    gallery: np.ndarray,
    query_groups: np.ndarray | None = None,
    gallery_groups: np.ndarray | None = None,
    *,
    at_once: int | None = None,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields squared L2 distances by blocks of queries.

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
    at_once = at_once or max(1, _MOST_PAIRS_AT_ONCE // max(1, len(gallery)))
    for start in range(0, len(queries), at_once):
        rows = slice(start, min(start + at_once, len(queries)))
        block = queries[rows]
        squared = np.square(block).sum(axis=1)[:, None] + lengths - 2.0 * block @ gallery.T
        np.maximum(squared, 0.0, out=squared)
        if query_groups is not None and gallery_groups is not None:
            squared[np.asarray(query_groups)[rows, None] == np.asarray(gallery_groups)] = np.inf
        yield rows, squared


def smallest_first(values: np.ndarray, count: int) -> np.ndarray:
    """Positions of the `count` smallest values of each row, ties in order: int [Q, <= count]."""
    count = min(count, values.shape[1])
    if count == values.shape[1]:
        return np.argsort(values, axis=1, kind="stable")
    # A partial sort may take any of several equal values at the border; so all of them are
    # looked at, and the first are kept.
    border = np.partition(values, count - 1, axis=1)[:, count - 1 : count]
    is_candidate = values <= border
    width = int(is_candidate.sum(axis=1).max())
    candidates = np.argsort(~is_candidate, axis=1, kind="stable")[:, :width]
    found = np.take_along_axis(values, candidates, axis=1)
    return np.take_along_axis(candidates, np.argsort(found, axis=1, kind="stable"), axis=1)[
        :, :count
    ]
