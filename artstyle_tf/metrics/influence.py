"""What each image contributes to a score, and how much the score therefore varies.

A score such as macro-F1 is not a mean, but near the observed one it is linear: its influence values
are what it would change by if an image counted a little more. The variance of their sum within the
true classes, whose sizes were chosen, is the variance of the score. Unlike a bootstrap this does
not shrink where a class has few images: resampled, three images vary by only 2/3 of it.

Sources: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 22 (influence
values); Takahashi et al. 2022, "Confidence interval for micro-averaged F1 and macro-averaged F1
scores", doi:10.1007/s10489-021-02635-5; Cochran 1977, "Sampling Techniques", sections 5.3, 5A.12
(variance within strata; strata of one are collapsed) and 6.9 (bias of a ratio).

Labels and predictions are int [N], class ids in [0, C); influence values are float64 [N].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class MacroScore(NamedTuple):
    """A macro score and its linear part.

    Attributes:
        value: of the score.
        influences: float64 [N], what each image contributes.
        bias: estimate of what the ratios in the score add to it on average, because there are few
            images.
        num_images: which would give a plain proportion the same weight.
        num_classes: that are scored.
    """

    value: float
    influences: np.ndarray
    bias: float
    num_images: float
    num_classes: int


def macro_f1(labels: np.ndarray, predictions: np.ndarray, *, num_classes: int) -> MacroScore:
    """Linearize macro-F1."""
    f1, influences = class_f1(labels, predictions, num_classes=num_classes)
    support = np.bincount(labels, minlength=num_classes)
    scored = support > 0
    num_scored = int(scored.sum())
    return MacroScore(
        value=float(f1[scored].mean()),
        influences=influences / num_scored,
        bias=_bias_of_macro_f1(labels, predictions, num_classes),
        num_images=num_scored**2 / float((1.0 / support[scored]).sum()),
        num_classes=num_scored,
    )


def class_f1(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int, only: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Compute F1 of the classes, and influence values of their sum.

    Args:
        labels: int [N].
        predictions: int [N].
        only: the class whose influence values are returned; None for all that occur.

    Returns:
        F1 float64 [C], 0 for a class without images; influence values float64 [N].
    """
    is_correct = labels == predictions
    support = np.bincount(labels, minlength=num_classes)
    total = support + np.bincount(predictions, minlength=num_classes)
    hits = np.bincount(labels[is_correct], minlength=num_classes)
    scored = support > 0
    f1 = np.where(scored, 2.0 * hits / np.maximum(total, 1), 0.0)
    counts = scored if only is None else np.arange(num_classes) == only
    weight = np.where(counts, 1.0 / np.maximum(total, 1), 0.0)
    loss = f1 * weight
    return f1, 2.0 * is_correct * weight[labels] - loss[labels] - loss[predictions]


def stratified_variance(influences: np.ndarray, strata: np.ndarray) -> float:
    """Estimate the variance of the sum of values whose images were drawn within strata int [N].

    Strata of one image, which give no information about how much they vary, are merged; a single
    one is merged with the next smallest.
    """
    _, members, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    alone = np.flatnonzero(sizes == 1)
    if alone.size:
        merged = np.arange(len(sizes))
        merged[alone] = alone[0]
        if alone.size == 1 and len(sizes) > 1:
            merged[np.argsort(sizes, kind="stable")[1]] = alone[0]
        _, members = np.unique(merged[members], return_inverse=True)
        sizes = np.bincount(members)
    means = np.bincount(members, influences) / sizes
    squares = np.bincount(members, np.square(influences - means[members]))
    return float((squares * sizes / np.maximum(sizes - 1, 1)).sum())


def clustered_variance(influences: np.ndarray, clusters: np.ndarray) -> float:
    """Estimate the variance of the sum of values drawn in whole clusters int [N] in [0, G)."""
    sums = np.bincount(clusters, influences)
    scale = len(sums) / max(len(sums) - 1, 1)
    return float(scale * np.square(sums - sums.mean()).sum())


def num_effective_clusters(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Count clusters as a macro score weighs them: G, if all weigh alike.

    Source: Kish 1965, "Survey Sampling", section 11.7 (effective number under unequal weights).
    """
    _, members, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    weights = np.bincount(clusters, 1.0 / (len(sizes) * sizes[members]))
    return float(1.0 / np.square(weights).sum())


def _bias_of_macro_f1(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    """Estimate the second order of 2 x correct / (support + predicted), mean over the classes."""
    support = np.bincount(labels, minlength=num_classes)
    pairs, counts = np.unique(labels * num_classes + predictions, return_counts=True)
    truth, predicted = np.divmod(pairs, num_classes)
    of_class = support[truth]
    spread = counts * (1.0 - counts / of_class) * of_class / np.maximum(of_class - 1, 1)
    on_diagonal = truth == predicted
    correct, of_correct = np.zeros(num_classes), np.zeros(num_classes)
    correct[truth[on_diagonal]] = counts[on_diagonal]
    of_correct[truth[on_diagonal]] = spread[on_diagonal]
    total = np.maximum(support + np.bincount(predictions, minlength=num_classes), 1).astype(float)
    of_total = np.bincount(predicted, spread, minlength=num_classes)
    bias = -2.0 * of_correct / total**2 + 2.0 * correct * of_total / total**3
    return float(bias[support > 0].mean())
