"""Measures of an embedding's spread: pairwise distances, effective rank, active triplets.

A collapsed embedding puts all images into one point or onto one line, where neighbors mean
nothing, although its loss may look like that of a hard problem.

Embeddings are float [N, D], labels int [N], distances L2.
"""

from __future__ import annotations

import numpy as np

from artstyle_tf.metrics.neighbors import squared_distances

_MAX_PAIRS_IN_A_HISTOGRAM = 2_000_000


def mean_pairwise_distance(embeddings: np.ndarray) -> float:
    """Compute the mean distance over all pairs of different rows; 0 for fewer than two."""
    num_rows = len(embeddings)
    if num_rows < 2:
        return 0.0
    total = 0.0
    for rows, squared in squared_distances(embeddings, embeddings):
        # Rounding leaves a row a little away from itself.
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = 0.0
        total += float(np.sqrt(squared).sum(dtype=np.float64))
    return total / (num_rows * (num_rows - 1))


def effective_rank(embeddings: np.ndarray) -> float:
    """Compute a soft count of the dimensions in which the rows differ.

    exp(-sum_i p_i log p_i) for the singular values of the centered rows, scaled to add up to 1: k
    for k equal ones, 1 for rows on a line, 0 if all rows are the same, at most min(N - 1, D).

    Source: Roy and Vetterli 2007, "The effective rank".
    """
    centered = np.asarray(embeddings, np.float64)
    centered = centered - centered.mean(axis=0)
    values = np.linalg.svd(centered, compute_uv=False)
    # What is smaller than the rounding of float32 is no dimension.
    if values[0] < 1e-6 * np.sqrt(len(centered)):
        return 0.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def active_triplet_share(embeddings: np.ndarray, labels: np.ndarray, *, margin: float) -> float:
    """Compute the fraction of triplets whose negative is not farther than the positive by `margin`.

    It is 0 if there is no triplet, near 1 for a collapsed embedding.
    """
    labels = np.asarray(labels)
    num_active, num_triplets = 0, 0
    for rows, squared in squared_distances(embeddings, embeddings):
        distances = np.sqrt(squared)
        for to_others, anchor in zip(distances, range(rows.start, rows.stop), strict=True):
            is_same = labels == labels[anchor]
            negatives = np.sort(to_others[~is_same])
            is_same[anchor] = False
            limits = to_others[is_same] + margin
            num_active += int(np.searchsorted(negatives, limits, side="left").sum())
            num_triplets += len(limits) * len(negatives)
    return num_active / num_triplets if num_triplets else 0.0


def same_and_different_distances(
    embeddings: np.ndarray, labels: np.ndarray, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances between images of the same class and of different ones.

    Args:
        embeddings: float [N, D].
        labels: int [N].
        seed: of the sample of rows that is taken where there are too many pairs.

    Returns:
        Two flat arrays, float32; each pair is there once.
    """
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    most_rows = int(np.sqrt(2 * _MAX_PAIRS_IN_A_HISTOGRAM))
    if len(embeddings) > most_rows:
        chosen = np.random.default_rng(seed).choice(len(embeddings), most_rows, replace=False)
        embeddings, labels = embeddings[chosen], labels[chosen]
    same, different = [], []
    for rows, squared in squared_distances(embeddings, embeddings):
        is_later = np.arange(len(labels)) > np.arange(rows.start, rows.stop)[:, None]
        is_same = labels[rows, None] == labels
        distances = np.sqrt(squared)
        same.append(distances[is_same & is_later])
        different.append(distances[~is_same & is_later])
    return np.concatenate(same), np.concatenate(different)
