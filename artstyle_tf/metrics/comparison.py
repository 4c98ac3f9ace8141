"""Compare two models on the same images: is one significantly better?

Their mistakes are on the same images, so differences are surer than the intervals of the two
scores suggest: what is hard for one is hard for the other. A verdict needs two agreeing results:
the interval of the difference in macro-F1, which weights classes equally, and an exact test of the
predictions, which holds for any number of images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from artstyle_tf.metrics.exact_tests import SIGNIFICANCE, min_discordant, sign_flip_exact
from artstyle_tf.metrics.influence import (
    clustered_variance,
    macro_f1,
    num_effective_clusters,
    stratified_variance,
)
from artstyle_tf.metrics.proportions import LEVEL, Interval

# Bonett and Price: one more image on either side of the discordant ones.
_PSEUDO_IMAGES = 2.0


@dataclass(frozen=True)
class Difference:
    """Difference of two scores.

    Attributes:
        difference: macro-F1 of the first less that of the second.
        interval: of the difference, at a level of 95 % by default.
        p_value: of the exact test: how often chance alone would separate the models as far in
            their correct predictions, if both were equally good.
        num_discordant: images, or groups of images, on which one model has more correct
            predictions than the other.
        accuracy_difference: accuracy of the first less that of the second, which is what the exact
            test looks at.
    """

    difference: float
    interval: Interval
    p_value: float
    num_discordant: int
    accuracy_difference: float

    @property
    def is_significant(self) -> bool:
        """Whether interval and exact test agree that one is better."""
        return self.is_significant_at(self.p_value)

    def is_significant_at(self, p_value: float) -> bool:
        """Return whether interval and exact test agree, with an adjusted p-value."""
        low, high = self.interval
        if low <= 0.0 <= high:
            return False
        return p_value < SIGNIFICANCE and self.difference * self.accuracy_difference > 0


@dataclass(frozen=True)
class PairedComparison(Difference):
    """The first model against the second, on the same images.

    Attributes:
        only_first_correct: images that only the first predicts correctly.
        only_second_correct: images that only the second predicts correctly.
    """

    only_first_correct: int
    only_second_correct: int


def compare_predictions(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    num_classes: int,
    level: float = LEVEL,
) -> PairedComparison:
    """Compare the predictions of two models: difference, interval and McNemar's exact test.

    Args:
        labels: int [N], class ids in [0, C).
        first: int [N], predictions of the first model.
        second: int [N], predictions of the second model.
    """
    labels, first, second = (np.asarray(array) for array in (labels, first, second))
    found = compare_models(labels, [first], [second], num_classes=num_classes, level=level)
    return PairedComparison(
        **dataclasses.asdict(found),
        only_first_correct=int(((first == labels) & (second != labels)).sum()),
        only_second_correct=int(((first != labels) & (second == labels)).sum()),
    )


def compare_models(
    labels: np.ndarray,
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    *,
    num_classes: int,
    clusters: np.ndarray | None = None,
    seeds_vary: bool = False,
    level: float = LEVEL,
) -> Difference:
    """Compare the mean macro-F1 of two kinds of models on the same images.

    The interval is that of Bonett and Price 2012, "Adjusted Wald confidence interval for a
    difference of binomial proportions based on paired data", doi:10.3102/1076998611411915, with the
    variance of the influence values in place of that of the discordant pairs: two more images, on
    which the models differ in opposite ways, draw the difference towards 0 and keep the interval
    from vanishing. The exact test flips the predictions of whole clusters; with single images and
    one model each it is McNemar's.

    Args:
        labels: int [N], class ids in [0, C).
        first: one or more times int [N], predictions.
        second: likewise; not necessarily as many.
        clusters: int [N] in [0, G), equal for images that are not independent; None if all are.
        seeds_vary: whether the models of a kind are trainings with different seeds; other seeds
            would give other scores.
    """
    labels = np.asarray(labels)
    scores = [
        [macro_f1(labels, np.asarray(predictions), num_classes=num_classes) for predictions in kind]
        for kind in (first, second)
    ]
    values = [[score.value for score in kind] for kind in scores]
    means = [np.mean([score.influences for score in kind], axis=0) for kind in scores]
    difference = float(np.mean(values[0]) - np.mean(values[1]))
    if clusters is None:
        variance = stratified_variance(means[0] - means[1], labels)
        num_images = scores[0][0].num_images
    else:
        variance = clustered_variance(means[0] - means[1], clusters)
        num_images = num_effective_clusters(labels, clusters)
    variances = [variance]
    degrees = [np.inf]
    if seeds_vary:
        variances += [float(np.var(of, ddof=1)) / len(of) for of in values if len(of) > 1]
        degrees += [len(of) - 1 for of in values if len(of) > 1]
    # How much more often the first models are right about each image: whole numbers int64 [N].
    right = [
        np.sum([np.asarray(one) == labels for one in kind], axis=0) for kind in (first, second)
    ]
    net = right[0] * len(second) - right[1] * len(first)
    sums = net if clusters is None else np.rint(np.bincount(clusters, net)).astype(np.int64)
    return Difference(
        difference=difference,
        interval=_difference_interval(difference, variances, degrees, num_images, level),
        p_value=sign_flip_exact(sums),
        num_discordant=int(np.count_nonzero(sums)),
        accuracy_difference=float(net.sum() / (len(labels) * len(first) * len(second))),
    )


def class_f1_interval(
    difference: float,
    influences: np.ndarray,
    clusters: np.ndarray,
    *,
    num_clusters: int,
    level: float,
) -> Interval:
    """Compute the interval of a difference in F1 of one class; see `compare_models`.

    Args:
        influences: float [N], of the first model less those of the second.
        clusters: int [N] in [0, G).
        num_clusters: that hold images of the class.
    """
    variance = clustered_variance(influences, clusters)
    return _difference_interval(difference, [variance], [np.inf], num_clusters, level)


def verdict(
    comparison: Difference,
    names: Sequence[str],
    *,
    adjusted_p_value: float | None = None,
    unit: str = "images",
) -> str:
    """Return the comparison as a sentence.

    Args:
        comparison: of the first model with the second.
        adjusted_p_value: of the exact test, where several comparisons are made at once; None for
            the comparison's own p-value.
        unit: what the exact test has counted, in the plural.
    """
    first, second = names
    low, high = (100.0 * end for end in comparison.interval)
    points = 100.0 * comparison.difference
    p_value = comparison.p_value if adjusted_p_value is None else adjusted_p_value
    if not comparison.is_significant_at(p_value):
        return (
            f"{first} and {second} do not differ significantly"
            f"{inconclusive_reason(comparison, p_value, unit)}: "
            f"difference {points:.1f} points of macro-F1, interval {low:.1f} to {high:.1f}"
        )
    if points < 0:
        first, second, points, low, high = second, first, -points, -high, -low
    return (
        f"{first} is better than {second} by {points:.1f} points of macro-F1, "
        f"interval {low:.1f} to {high:.1f}"
    )


def outcome(comparison: Difference) -> str:
    """Return "better", "worse" or "same" (no significant difference) for the first model."""
    if not comparison.is_significant:
        return "same"
    return "better" if comparison.difference > 0 else "worse"


def inconclusive_reason(comparison: Difference, p_value: float, unit: str = "images") -> str:
    """Return why there is no significant difference, to be appended; often nothing to add."""
    needed = min_discordant(SIGNIFICANCE)
    if comparison.num_discordant < needed:  # no outcome of the exact test could be significant
        return (
            f", there are too few {unit} for a verdict (the models differ on "
            f"{comparison.num_discordant}, at least {needed} are needed)"
        )
    low, high = comparison.interval
    if low <= 0.0 <= high:
        return ""
    if p_value >= SIGNIFICANCE:
        return f" (the exact test does not agree with the interval, p = {p_value:.2g})"
    return " (macro-F1 and accuracy do not agree on which is better)"


def _difference_interval(
    difference: float,
    variances: Sequence[float],
    degrees: Sequence[float],
    num_images: float,
    level: float,
) -> Interval:
    """Compute the ends of the interval; the first variance is that of the images."""
    shrunk = num_images / (num_images + _PSEUDO_IMAGES)
    of_images = variances[0] * shrunk**2 + _PSEUDO_IMAGES / (num_images + _PSEUDO_IMAGES) ** 2
    parts = np.array([of_images, *variances[1:]])
    # Satterthwaite 1946: few trainings give little information about how much they vary.
    freedom = parts.sum() ** 2 / max(float((parts**2 / np.array(degrees)).sum()), 1e-300)
    width = float(stats.t.ppf((1.0 + level) / 2.0, min(freedom, 1e6)) * np.sqrt(parts.sum()))
    center = difference * shrunk
    return (
        float(max(min(center - width, difference), -1.0)),
        float(min(max(center + width, difference), 1.0)),
    )
