"""Distances between all pairs of embeddings in a batch."""

from __future__ import annotations

import typing
from typing import Any

from keras import ops

from artstyle_tf.losses.settings import Distance

DISTANCES: tuple[Distance, ...] = typing.get_args(Distance)

# Shorter rows count as zero: their direction is rounding noise.
_SMALLEST_SQUARED_LENGTH = 1e-12


def pairwise_distances(embeddings: Any, distance: Distance = "l2") -> Any:
    """Distance of each row to each row.

    Args:
        embeddings: float [B, D].
        distance: "l2", "squared_l2", or "cosine", which is 1 - cosine similarity.

    Returns:
        float32 [B, B], symmetric, at least 0, exactly 0 on the diagonal. The gradient is finite
        everywhere: 0 where an L2 distance is 0, and for the cosine of a row of zeros, whose
        distance to every other row is 1.

    Raises:
        ValueError: if the distance is not known.
    """
    check_distance(distance)
    embeddings = ops.cast(embeddings, "float32")
    if distance == "cosine":
        embeddings = normalized_rows(embeddings)
        distances = ops.maximum(1.0 - ops.matmul(embeddings, ops.transpose(embeddings)), 0.0)
        return distances * _all_but_the_diagonal(distances)
    squared = _squared_l2(embeddings)
    return squared if distance == "squared_l2" else _safe_sqrt(squared)


def normalized_rows(embeddings: Any) -> Any:
    """Rows of length 1; a row of zeros stays one, with gradient 0."""
    squared_lengths = ops.sum(ops.square(embeddings), axis=1, keepdims=True)
    is_zero = squared_lengths < _SMALLEST_SQUARED_LENGTH
    lengths = ops.sqrt(ops.where(is_zero, 1.0, squared_lengths))
    return ops.where(is_zero, 0.0, embeddings / lengths)


def check_distance(distance: str) -> None:
    """Refuses a distance that is not known.

    Raises:
        ValueError: naming those that are.
    """
    if distance not in DISTANCES:
        raise ValueError(f"`distance` should be one of {DISTANCES}. Received: distance={distance}")


def _squared_l2(embeddings: Any) -> Any:
    # |x|^2 + |y|^2 - 2xy needs no [B, B, D] tensor. It is off by rounding, which may make it
    # negative, and which the diagonal must not show: it is what a pair of equal rows is told by.
    squared_lengths = ops.sum(ops.square(embeddings), axis=1)
    products = ops.matmul(embeddings, ops.transpose(embeddings))
    squared = squared_lengths[:, None] + squared_lengths[None, :] - 2.0 * products
    return ops.maximum(squared, 0.0) * _all_but_the_diagonal(squared)


def _safe_sqrt(squared: Any) -> Any:
    # The root's gradient at 0 is infinite, and infinite times the 0 of a mask is not a number. So
    # zeros are replaced before the root, not only after it.
    is_zero = squared <= 0.0
    return ops.where(is_zero, 0.0, ops.sqrt(ops.where(is_zero, 1.0, squared)))


def _all_but_the_diagonal(square: Any) -> Any:
    """1 everywhere but on the diagonal, float32 [B, B], also for an unknown B."""
    rows = ops.arange(ops.shape(square)[0])
    return ops.cast(rows[:, None] != rows[None, :], "float32")
