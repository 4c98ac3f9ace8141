"""Which rows of a batch are positives and negatives of each other."""

from __future__ import annotations

from typing import Any

from keras import ops


def positives_and_negatives(labels: Any) -> tuple[Any, Any]:
    """Pairs of the same class, and pairs of different classes.

    Args:
        labels: [B] or [B, 1], class ids of any type.

    Returns:
        Two masks, bool [B, B]. A row is neither a positive nor a negative of itself.
    """
    labels = ops.reshape(labels, (-1,))
    same = labels[:, None] == labels[None, :]
    rows = ops.arange(ops.shape(labels)[0])
    itself = rows[:, None] == rows[None, :]
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)


def masked_mean(values: Any, mask: Any) -> Any:
    """Mean of the values in the mask; 0, with gradient 0, if there are none.

    Args:
        values: float32, finite where the mask is true.
        mask: bool, of the same shape.
    """
    weights = ops.cast(mask, "float32")
    total = ops.sum(ops.where(mask, values, 0.0))
    return total / ops.maximum(ops.sum(weights), 1.0)
