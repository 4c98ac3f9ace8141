"""Two models on the same pictures: is one better, or can they not be told apart?

Their mistakes are on the same pictures, so that differences are surer than the intervals of the two
scores suggest: what is hard for one is hard for the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.uncertainty import NUM_DRAWS, Interval, percentile_interval


@dataclass(frozen=True)
class Difference:
    """Of two scores.

    Attributes:
        difference: macro-F1 of the first less that of the second.
        interval: of the difference, 95 % unless asked otherwise; by paired bootstrap.
    """

    difference: float
    interval: Interval

    @property
    def can_be_told_apart(self) -> bool:
        """Whether 0 is outside the interval of the difference."""
        return not self.interval[0] <= 0.0 <= self.interval[1]


@dataclass(frozen=True)
class PairedComparison(Difference):
    """The first model against the second, on the same pictures.

    Attributes:
        only_first_right: pictures that only the first names rightly.
        only_second_right: pictures that only the second names rightly.
        p_value: of McNemar's exact test: how often chance alone would part the two numbers above
            as far, if both models were equally good.
    """

    only_first_right: int
    only_second_right: int
    p_value: float


def compare_predictions(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    num_classes: int,
    seed: int,
    num_draws: int = NUM_DRAWS,
    level: float = 0.95,
) -> PairedComparison:
    """Compares the predictions of two models for the same pictures.

    Args:
        labels: int [N], class ids in [0, C).
        first: int [N], predictions of the first model.
        second: int [N], predictions of the second model.
        num_classes: C.
        seed: of the draws.
        num_draws: draws of the bootstrap.
        level: share of the draws within the interval.

    Returns:
        Difference, interval and test.
    """
    labels, first, second = (np.asarray(array) for array in (labels, first, second))
    scores = [
        classification_summary(labels, predicted, num_classes=num_classes)["macro_f1"]
        for predicted in (first, second)
    ]
    generator = np.random.default_rng(seed)
    draws = _draw_differences(labels, first, second, num_classes, num_draws, generator)
    only_first = int(((first == labels) & (second != labels)).sum())
    only_second = int(((first != labels) & (second == labels)).sum())
    return PairedComparison(
        difference=scores[0] - scores[1],
        interval=percentile_interval(draws, level),
        only_first_right=only_first,
        only_second_right=only_second,
        p_value=mcnemar_exact(only_first, only_second),
    )


def mcnemar_exact(only_first_right: int, only_second_right: int) -> float:
    """Two-sided p-value of McNemar's exact test; 1 if the models never differ.

    Source: McNemar 1947, doi:10.1007/BF02295996; Dietterich 1998 recommends it where a model can
    be trained only once.
    """
    discordant = only_first_right + only_second_right
    if not discordant:
        return 1.0
    return float(stats.binomtest(only_first_right, discordant).pvalue)


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values for several comparisons at once, by Holm's step-down method.

    Args:
        p_values: name of a comparison -> its own p-value.

    Returns:
        Name -> p-value to hold against 0.05, in the same order: the probability of one or more
        false alarms among all of them stays below.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    names = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    largest = 0.0
    for position, name in enumerate(names):
        largest = max(largest, (len(names) - position) * p_values[name])
        adjusted[name] = min(1.0, largest)
    return {name: adjusted[name] for name in p_values}


def verdict(comparison: Difference, names: Sequence[str]) -> str:
    """The comparison in plain words.

    Args:
        comparison: of the first model with the second.
        names: of both models.
    """
    first, second = names
    low, high = (100.0 * end for end in comparison.interval)
    points = 100.0 * comparison.difference
    if not comparison.can_be_told_apart:
        return (
            f"{first} and {second} cannot be told apart: difference {points:.1f} points of "
            f"macro-F1, interval {low:.1f} to {high:.1f}"
        )
    if points < 0:
        first, second, points, low, high = second, first, -points, -high, -low
    return (
        f"{first} is better than {second} by {points:.1f} points of macro-F1, "
        f"interval {low:.1f} to {high:.1f}"
    )


def _draw_differences(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    num_classes: int,
    num_draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Differences of macro-F1 on pictures drawn anew within each class: float [num_draws].

    Pictures of a class on which both models say the same are interchangeable, so that the draws
    are multinomial over the pairs of answers that occur.
    """
    classes, support = np.unique(labels, return_counts=True)
    right = np.zeros((2, num_draws, len(classes)))
    predicted = np.zeros((2, num_draws, num_classes))
    for row, (label, count) in enumerate(zip(classes, support, strict=True)):
        answers = np.stack([first[labels == label], second[labels == label]], axis=1)
        pairs, times = np.unique(answers, axis=0, return_counts=True)
        drawn = generator.multinomial(count, times / count, size=num_draws)
        for pair, numbers in zip(pairs, drawn.T, strict=True):
            for model, answer in enumerate(pair):
                predicted[model, :, answer] += numbers
                right[model, :, row] += numbers * (answer == label)
    scores = (2.0 * right / (support + predicted[:, :, classes])).mean(axis=2)
    return scores[0] - scores[1]
