"""Triplet losses: an anchor should be nearer to a positive than to a negative.

All of them compare distances d(anchor, positive) and d(anchor, negative) by

    hinge:        max(0, margin + d_ap - d_an)
    soft margin:  log(1 + exp(d_ap - d_an)), asked for by margin=None

and differ in the triplets of a batch they look at. Triplets are chosen without a gradient; the
gradient goes through the distances of those chosen. No tensor is larger than a few times [B, B].
For rows of length 1 distances are at most 2 (L2, cosine) or 4 (squared L2), which gives the margin
its meaning; nothing is normalized here.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from artstyle_tf.losses.distances import pairwise_distances
from artstyle_tf.losses.pairs import masked_mean, positives_and_negatives
from artstyle_tf.losses.settings import Distance


def semi_hard_triplet_loss(
    labels: Any, embeddings: Any, *, margin: float | None = 0.2, distance: Distance = "l2"
) -> Any:
    """Mean over all pairs of an anchor and a positive, each with its semi-hard negative.

    That is the nearest negative which is farther away than the positive. Where there is none, it
    is the farthest negative. Nearer negatives, which are often mislabeled or hopeless, would pull
    a young embedding into one point.

    Args:
        labels: [B] or [B, 1], class ids.
        embeddings: float [B, D].
        margin: above 0; None for the soft margin.
        distance: see `pairwise_distances`.

    Returns:
        float32 scalar; 0.0 when no anchor has both a positive and a negative. Triplets without a
        loss count in the mean.

    Source: Schroff et al. 2015, arXiv:1503.03832; the farthest negative as a substitute after
    tensorflow-addons.
    """
    distances = pairwise_distances(embeddings, distance)
    is_positive, is_negative = positives_and_negatives(labels)
    chosen = _semi_hard_negatives(ops.stop_gradient(distances), is_negative)
    to_negative = ops.take_along_axis(distances, chosen, axis=1)
    losses = compared(distances - to_negative, margin)
    return masked_mean(losses, ops.logical_and(is_positive, _has_any(is_negative)[:, None]))


def batch_hard_triplet_loss(
    labels: Any, embeddings: Any, *, margin: float | None = 0.2, distance: Distance = "l2"
) -> Any:
    """Mean over all anchors, each with its farthest positive and its nearest negative.

    Args:
        labels: [B] or [B, 1], class ids.
        embeddings: float [B, D].
        margin: above 0; None for the soft margin.
        distance: see `pairwise_distances`.

    Returns:
        float32 scalar; 0.0 when no anchor has both a positive and a negative.

    Source: Hermans et al. 2017, arXiv:1703.07737, equation 5.
    """
    distances = pairwise_distances(embeddings, distance)
    is_positive, is_negative = positives_and_negatives(labels)
    known = ops.stop_gradient(distances)
    farthest = ops.argmax(ops.where(is_positive, known, -1.0), axis=1)
    nearest = ops.argmin(ops.where(is_negative, known, float("inf")), axis=1)
    to_positive, to_negative = (
        ops.take_along_axis(distances, chosen[:, None], axis=1)[:, 0]
        for chosen in (farthest, nearest)
    )
    losses = compared(to_positive - to_negative, margin)
    return masked_mean(losses, ops.logical_and(_has_any(is_positive), _has_any(is_negative)))


def batch_all_triplet_loss(
    labels: Any, embeddings: Any, *, margin: float | None = 0.2, distance: Distance = "l2"
) -> Any:
    """Mean over all triplets of the batch: with a hinge, over those that have a loss.

    Args:
        labels: [B] or [B, 1], class ids.
        embeddings: float [B, D].
        margin: above 0; None for the soft margin.
        distance: see `pairwise_distances`.

    Returns:
        float32 scalar; 0.0 when there is no triplet, or none with a loss.

    Source: Hermans et al. 2017, arXiv:1703.07737, equation 6 and the mean over non-zero terms
    recommended there.
    """
    distances = pairwise_distances(embeddings, distance)
    is_positive, is_negative = positives_and_negatives(labels)
    known = ops.stop_gradient(distances)

    def of_anchor(row: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """Sum of the anchor's losses, their number, and their slopes in each distance."""
        to_others, positives, negatives = row
        differences = to_others[:, None] - to_others[None, :]  # [positive, negative]
        is_triplet = ops.logical_and(positives[:, None], negatives[None, :])
        if margin is None:
            slopes = ops.cast(is_triplet, "float32") * ops.sigmoid(differences)
            number = ops.sum(ops.cast(is_triplet, "float32"))
        else:
            is_triplet = ops.logical_and(is_triplet, differences + margin > 0.0)
            slopes = ops.cast(is_triplet, "float32")
            number = ops.sum(slopes)
        total = ops.sum(ops.where(is_triplet, compared(differences, margin), 0.0))
        return total, number, ops.sum(slopes, axis=1) - ops.sum(slopes, axis=0)

    totals, numbers, slopes = ops.map(of_anchor, (known, is_positive, is_negative))
    number = ops.maximum(ops.sum(numbers), 1.0)
    # Automatic differentiation would keep every anchor's [B, B] matrix. But the slope in each
    # distance is known by now, so that a linear function with the same value and slopes will do.
    linear = ops.sum(ops.stop_gradient(slopes) * (distances - known))
    return (ops.stop_gradient(ops.sum(totals)) + linear) / ops.stop_gradient(number)


def compared(differences: Any, margin: float | None) -> Any:
    """Loss of triplets whose positive is farther away than the negative by `differences`."""
    if margin is None:
        return ops.softplus(differences)
    return ops.relu(differences + margin)


def _semi_hard_negatives(distances: Any, is_negative: Any) -> Any:
    """Which negative goes with each anchor and positive: int [B, B]."""

    def of_anchor(row: tuple[Any, Any]) -> Any:
        to_others, negatives = row
        # [positive, negative]; anchor after anchor, because all at once would be [B, B, B].
        is_farther = ops.logical_and(to_others[None, :] > to_others[:, None], negatives[None, :])
        nearest = ops.argmin(ops.where(is_farther, to_others[None, :], float("inf")), axis=1)
        farthest = ops.argmax(ops.where(negatives, to_others, -1.0))
        return ops.where(_has_any(is_farther), nearest, farthest)

    return ops.map(of_anchor, (distances, is_negative))


def _has_any(mask: Any) -> Any:
    return ops.any(mask, axis=1)
