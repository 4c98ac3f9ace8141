"""Distances between all pairs of embeddings in a batch, and which pairs share a class."""

from __future__ import annotations

import typing
from typing import Any

from keras import ops

from artstyle_tf.losses.settings import Distance

DISTANCES: tuple[Distance, ...] = typing.get_args(Distance)

# Shorter rows count as zero: their direction is rounding noise.
_MIN_SQUARED_LENGTH = 1e-12


def check_distance(distance: str) -> None:
    """Raise ValueError if there is no distance of this name."""
    if distance not in DISTANCES:
        raise ValueError(f"`distance` should be one of {DISTANCES}. Received: distance={distance}")


def pairwise_distances(embeddings: Any, distance: Distance = "l2") -> Any:
    """Compute the distance of each row to each row.

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
    off_diagonal = ops.cast(ops.logical_not(_diagonal(embeddings)), "float32")
    if distance == "cosine":
        embeddings = normalized_rows(embeddings)
        similarities = ops.matmul(embeddings, ops.transpose(embeddings))
        return ops.maximum(1.0 - similarities, 0.0) * off_diagonal
    # |x|^2 + |y|^2 - 2xy needs no [B, B, D] tensor. Rounding may make it negative, or move the
    # diagonal away from 0, by which pairs of equal rows are recognized.
    squared_lengths = ops.sum(ops.square(embeddings), axis=1)
    products = ops.matmul(embeddings, ops.transpose(embeddings))
    squared = squared_lengths[:, None] + squared_lengths[None, :] - 2.0 * products
    squared = ops.maximum(squared, 0.0) * off_diagonal
    if distance == "squared_l2":
        return squared
    # The root's gradient at 0 is infinite, and infinite times the 0 of a mask is not a number. So
    # zeros are replaced before the root, not only after it.
    is_zero = squared <= 0.0
    return ops.where(is_zero, 0.0, ops.sqrt(ops.where(is_zero, 1.0, squared)))


def normalized_rows(embeddings: Any) -> Any:
    """Scale rows to length 1; a row of zeros stays one, with gradient 0."""
    squared_lengths = ops.sum(ops.square(embeddings), axis=1, keepdims=True)
    is_zero = squared_lengths < _MIN_SQUARED_LENGTH
    lengths = ops.sqrt(ops.where(is_zero, 1.0, squared_lengths))
    return ops.where(is_zero, 0.0, embeddings / lengths)


def positives_and_negatives(labels: Any) -> tuple[Any, Any]:
    """Return masks of the pairs of the same class and of different classes.

    Args:
        labels: [B] or [B, 1], class ids of any type.

    Returns:
        Two masks, bool [B, B]. A row is neither a positive nor a negative of itself.
    """
    labels = ops.reshape(labels, (-1,))
    same = labels[:, None] == labels[None, :]
    return ops.logical_and(same, ops.logical_not(_diagonal(labels))), ops.logical_not(same)


def masked_mean(values: Any, mask: Any) -> Any:
    """Compute the mean of the float32 values in the mask; 0, with gradient 0, if there are none.

    Values must be finite where the mask is true.
    """
    weights = ops.cast(mask, "float32")
    total = ops.sum(ops.where(mask, values, 0.0))
    return total / ops.maximum(ops.sum(weights), 1.0)


def _diagonal(rows: Any) -> Any:
    """Return bool [B, B], true on the diagonal, also for an unknown B."""
    numbers = ops.arange(ops.shape(rows)[0])
    return numbers[:, None] == numbers[None, :]
