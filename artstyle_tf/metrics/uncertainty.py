"""95 % intervals of scores.

An interval describes how much the score would vary with other images of the same kind and the same
model, not with another training seed or another split. Class sizes count as chosen: images vary
within their true class.

Recall and precision have intervals of proportions (`metrics.proportions`). Macro scores have
the same interval on their effective number of images, from the variance of their linear part
(`metrics.influence`). F1 of a class is 2 F* / (1 + F*), where F* = true positives / (true
positives + false negatives + false positives) is a proportion: Lam, Gopal and Qian 2023,
arXiv:2309.14621.

A confusion matrix is int [C, C], rows are the true classes; an empty one raises ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from artstyle_tf.metrics.influence import (
    clustered_variance,
    macro_f1,
    num_effective_clusters,
    stratified_variance,
)
from artstyle_tf.metrics.proportions import LEVEL, Interval, mean_interval, proportion_interval


def classification_intervals(confusion: np.ndarray) -> dict[str, Interval]:
    """Compute intervals of the scores of `metrics.classification.classification_summary`."""
    labels, predictions = _images_of(confusion)
    num_classes, is_correct = len(confusion), labels == predictions
    support = np.bincount(labels, minlength=num_classes)
    predicted = np.bincount(predictions, minlength=num_classes)
    num_scored = int((support > 0).sum())
    recall = is_correct / support[labels] / num_scored
    return {
        "macro_f1": macro_f1_interval(labels, [predictions], num_classes=num_classes),
        "accuracy": mean_interval(
            float(is_correct.mean()),
            stratified_variance(is_correct / len(labels), labels),
            len(labels),
            num_scored,
        ),
        "macro_precision": _macro_precision(labels, predictions, support, predicted),
        "macro_recall": mean_interval(
            float(np.clip(recall.sum(), 0, 1)),
            stratified_variance(recall, labels),
            num_scored**2 / float((1.0 / support[support > 0]).sum()),
            num_scored,
        ),
    }


def macro_f1_interval(
    labels: np.ndarray,
    predictions: Sequence[np.ndarray],
    *,
    num_classes: int,
    clusters: np.ndarray | None = None,
) -> Interval:
    """Compute the interval of macro-F1, or of its mean over several models on the same images.

    Args:
        labels: int [N], class ids in [0, C).
        predictions: M times int [N].
        clusters: int [N] in [0, G), equal for images that are not independent: a model is right or
            wrong about twelve works of one painter together, and they are not twelve independent
            observations. Without it images vary one by one, within their true class.
    """
    scores = [macro_f1(labels, one, num_classes=num_classes) for one in predictions]
    influences = np.mean([score.influences for score in scores], axis=0)
    if clusters is None:
        variance, num_images = stratified_variance(influences, labels), scores[0].num_images
        num_independent = len(labels)
    else:
        variance = clustered_variance(influences, clusters)
        num_images = num_effective_clusters(labels, clusters)
        num_independent = int(clusters.max()) + 1
    # Student's quantile in place of the normal one: the variance of few images is uncertain.
    freedom = max(num_independent - scores[0].num_classes, 1)
    tail = (1.0 + LEVEL) / 2.0
    variance *= float(stats.t.ppf(tail, freedom) / stats.norm.ppf(tail)) ** 2
    variance += float(np.mean([score.bias for score in scores])) ** 2
    mean = float(np.mean([score.value for score in scores]))
    return mean_interval(mean, variance, num_images, scores[0].num_classes)


def per_class_intervals(confusion: np.ndarray) -> pd.DataFrame:
    """Compute intervals of the scores of `metrics.classification.per_class_report`.

    Returns:
        C rows with the columns precision_low, precision_high, recall_low, recall_high, f1_low and
        f1_high; NaN for a class without images. Precision of a class that was never predicted is
        unknown: 0 to 1.
    """
    confusion = np.asarray(confusion)
    _images_of(confusion)
    correct, support = np.diag(confusion), confusion.sum(axis=1)
    predicted = confusion.sum(axis=0)
    either = support + predicted - correct
    columns = {}
    for name, count in (("precision", predicted), ("recall", support), ("f1", either)):
        ends = proportion_interval(correct / np.maximum(count, 1), count)
        for end, values in zip(("low", "high"), ends, strict=True):
            values = 2.0 * values / (1.0 + values) if name == "f1" else values
            columns[f"{name}_{end}"] = np.where(support > 0, values, np.nan)
    return pd.DataFrame(columns)


def mean_intervals(values: pd.DataFrame, strata: np.ndarray) -> dict[str, Interval]:
    """Compute intervals of the means of values in [0, 1] that each image has, such as Recall@K.

    Args:
        values: one row an image, one column a score; rows with NaN are left out.
        strata: [N], class of each image.

    Returns:
        Lower and upper end for each column; 0 and 1 if no row is left.
    """
    is_whole = values.notna().all(axis=1).to_numpy()
    known, strata = values.to_numpy(np.float64)[is_whole], np.asarray(strata)[is_whole]
    if not len(known):
        return {str(name): (0.0, 1.0) for name in values.columns}
    num_strata = len(np.unique(strata))
    return {
        str(name): mean_interval(
            float(np.clip(column.mean(), 0, 1)),
            stratified_variance(column / len(column), strata),
            len(column),
            num_strata,
        )
        for name, column in zip(values.columns, known.T, strict=True)
    }


def _macro_precision(
    labels: np.ndarray,
    predictions: np.ndarray,
    support: np.ndarray,
    predicted: np.ndarray,
) -> Interval:
    """Compute the interval; precision varies among the images predicted as a class."""
    scored = support > 0
    num_scored = int(scored.sum())
    counts = np.maximum(predicted, 1)
    is_correct = (labels == predictions) & scored[predictions]
    of_image = np.where(scored[predictions], is_correct / counts[predictions], 0.0) / num_scored
    mean = float(np.clip(of_image.sum(), 0, 1))
    variance = stratified_variance(of_image, predictions)
    # A class that was never predicted counts as 0, whatever it would be.
    never = float((scored & (predicted == 0)).sum()) / num_scored
    variance += (never * mean) ** 2
    num_images = num_scored**2 / float((1.0 / counts[scored]).sum())
    return mean_interval(mean, variance, num_images, num_scored)


def _images_of(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions int [N] that a confusion matrix counts."""
    confusion = np.asarray(confusion)
    if not confusion.any():
        raise ValueError("`confusion` should count images. Received: zeros only")
    rows, columns = np.nonzero(confusion)
    times = confusion[rows, columns]
    return np.repeat(rows, times), np.repeat(columns, times)
