"""Intervals for pictures that are not independent of each other.

Twelve works of one painter are recognised, or not, together. Drawing single pictures anew would
take them for twelve independent proofs and give intervals that are too narrow, so whole clusters
are drawn.

Source: Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 3.8; Field and
Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x (the cluster bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artstyle_tf.metrics.uncertainty import NUM_DRAWS

_MOST_VALUES_AT_ONCE = 2**23


def draw_macro_f1(
    labels: np.ndarray,
    predictions: Sequence[np.ndarray],
    clusters: np.ndarray,
    *,
    num_classes: int,
    seed: int,
    num_draws: int = NUM_DRAWS,
) -> np.ndarray:
    """Macro-F1 of several models on the same clusters of pictures, drawn anew with replacement.

    Arguments are those of `draw_f1`.

    Returns:
        float64 [M, num_draws]. A class that is missing in a draw does not count there.
    """
    f1 = draw_f1(
        labels, predictions, clusters, num_classes=num_classes, seed=seed, num_draws=num_draws
    )
    return np.nanmean(f1, axis=2)


def draw_f1(
    labels: np.ndarray,
    predictions: Sequence[np.ndarray],
    clusters: np.ndarray,
    *,
    num_classes: int,
    seed: int,
    num_draws: int = NUM_DRAWS,
) -> np.ndarray:
    """F1 of each class for several models, on the same clusters of pictures, drawn anew.

    All models are scored on the same draws, so that differences of rows are paired.

    Args:
        labels: int [N], class ids in [0, C).
        predictions: M times int [N].
        clusters: int [N] in [0, G), equal for pictures that are drawn together.
        num_classes: C.
        seed: of the draws.
        num_draws: draws.

    Returns:
        float64 [M, num_draws, C]; NaN for a class that is missing in a draw.
    """
    labels, clusters = np.asarray(labels), np.asarray(clusters)
    num_clusters = int(clusters.max()) + 1
    support = _count(clusters, labels, num_clusters, num_classes)
    taken, right = [], []
    for predicted in predictions:
        predicted = np.asarray(predicted)
        is_right = predicted == labels
        taken.append(_count(clusters, predicted, num_clusters, num_classes))
        right.append(_count(clusters[is_right], labels[is_right], num_clusters, num_classes))
    generator = np.random.default_rng(seed)
    shares = np.full(num_clusters, 1.0 / num_clusters)
    at_once = max(1, _MOST_VALUES_AT_ONCE // num_clusters)
    scores = np.empty((len(taken), num_draws, num_classes))
    for start in range(0, num_draws, at_once):
        stop = min(start + at_once, num_draws)
        # Floats, because BLAS multiplies no integers; these are exact up to 2**53.
        times = generator.multinomial(num_clusters, shares, size=stop - start).astype(np.float64)
        drawn_support = times @ support
        is_there = drawn_support > 0
        for model, (counts, hits) in enumerate(zip(taken, right, strict=True)):
            f1 = 2.0 * (times @ hits) / np.maximum(drawn_support + times @ counts, 1.0)
            scores[model, start:stop] = np.where(is_there, f1, np.nan)
    return scores


def _count(
    clusters: np.ndarray, classes: np.ndarray, num_clusters: int, num_classes: int
) -> np.ndarray:
    """Pictures of each cluster in each class: float64 [G, C]."""
    cells = np.bincount(clusters * num_classes + classes, minlength=num_clusters * num_classes)
    return cells.reshape(num_clusters, num_classes).astype(np.float64)
