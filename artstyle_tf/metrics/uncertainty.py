"""How sure a score is: 95 % intervals by resampling the pictures.

An interval says how much the score would vary with other pictures of the same kind and the same
model. It does not say what another training seed or another split would give.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", percentile intervals; drawn
within each true class, because the class sizes of a test set were chosen, not found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

NUM_DRAWS = 10_000
_MOST_VALUES_AT_ONCE = 2**23

Interval = tuple[float, float]


def classification_intervals(
    confusion: np.ndarray, *, seed: int, num_draws: int = NUM_DRAWS, level: float = 0.95
) -> dict[str, Interval]:
    """Intervals of the figures of `metrics.classification.classification_summary`.

    Drawing n pictures of a class with replacement and counting what they are taken for is one
    multinomial draw from the class's row of the confusion matrix, so that no picture is needed.

    Args:
        confusion: int [C, C], rows are the true classes.
        seed: of the draws.
        num_draws: draws.
        level: share of the draws within an interval.

    Returns:
        Lower and upper end for macro_f1, accuracy, macro_precision and macro_recall.

    Raises:
        ValueError: if the matrix is empty.
    """
    confusion = np.asarray(confusion)
    drawn = _draw_counts(confusion, num_draws, np.random.default_rng(seed))
    scores = {f"macro_{name}": values.mean(axis=1) for name, values in drawn.scores().items()}
    accuracy = drawn.right.sum(axis=1) / drawn.support.sum()
    return _percentiles(pd.DataFrame({**scores, "accuracy": accuracy}), level)


def per_class_intervals(
    confusion: np.ndarray, *, seed: int, num_draws: int = NUM_DRAWS, level: float = 0.95
) -> pd.DataFrame:
    """Intervals of the figures of `metrics.classification.per_class_report`.

    Args:
        confusion: int [C, C], rows are the true classes.
        seed: of the draws.
        num_draws: draws.
        level: share of the draws within an interval.

    Returns:
        C rows with the columns precision_low, precision_high, recall_low, recall_high, f1_low and
        f1_high; NaN for a class without pictures.

    Raises:
        ValueError: if the matrix is empty.
    """
    drawn = _draw_counts(confusion, num_draws, np.random.default_rng(seed))
    ends = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    columns = {}
    for name, values in drawn.scores().items():
        low, high = np.quantile(values, ends, axis=0)
        columns[f"{name}_low"], columns[f"{name}_high"] = low, high
    table = pd.DataFrame(columns, index=drawn.classes).reindex(range(len(confusion)))
    order = [f"{name}_{end}" for name in ("precision", "recall", "f1") for end in ("low", "high")]
    return table[order]


def mean_intervals(
    values: pd.DataFrame,
    strata: np.ndarray,
    *,
    seed: int,
    num_draws: int = NUM_DRAWS,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Intervals of the means of values that each picture has, such as Recall@K.

    Args:
        values: one row a picture, one column a figure; rows with NaN are left out.
        strata: [N], class of each picture; the draws keep the numbers of each.
        seed: of the draws.
        num_draws: draws.
        level: share of the draws within an interval.

    Returns:
        Lower and upper end for each column; 0 and 0 if no row is left.
    """
    is_whole = values.notna().all(axis=1).to_numpy()
    known, strata = values.to_numpy(np.float64)[is_whole], np.asarray(strata)[is_whole]
    if not len(known):
        return {str(name): (0.0, 0.0) for name in values.columns}
    means = draw_means(known, strata, seed=seed, num_draws=num_draws)
    return _percentiles(pd.DataFrame(means, columns=list(values.columns)), level)


def draw_means(
    values: np.ndarray, strata: np.ndarray, *, seed: int, num_draws: int = NUM_DRAWS
) -> np.ndarray:
    """Means of values of pictures that are drawn anew within each stratum.

    Args:
        values: float64 [N, K].
        strata: [N], class of each picture.
        seed: of the draws.
        num_draws: draws.

    Returns:
        float64 [num_draws, K].
    """
    generator = np.random.default_rng(seed)
    sums = np.zeros((num_draws, values.shape[1]))
    for stratum in np.unique(strata):
        members = values[strata == stratum]
        at_once = max(1, _MOST_VALUES_AT_ONCE // len(members))
        shares = np.full(len(members), 1.0 / len(members))
        for start in range(0, num_draws, at_once):
            draws = min(at_once, num_draws - start)
            times = generator.multinomial(len(members), shares, size=draws)
            sums[start : start + draws] += times @ members
    return sums / len(values)


class _DrawnCounts(NamedTuple):
    """Confusion matrices drawn anew, as far as scores need them, for the S classes with pictures.

    Attributes:
        classes: int [S], class ids.
        support: int [S], pictures of each class.
        right: int [num_draws, S].
        predicted: int [num_draws, S], what was taken for the class.
    """

    classes: np.ndarray
    support: np.ndarray
    right: np.ndarray
    predicted: np.ndarray

    def scores(self) -> dict[str, np.ndarray]:
        """f1, precision and recall float64 [num_draws, S]."""
        return {
            "f1": 2.0 * self.right / (self.support + self.predicted),
            "precision": self.right / np.maximum(self.predicted, 1),
            "recall": self.right / self.support,
        }


def _draw_counts(
    confusion: np.ndarray, num_draws: int, generator: np.random.Generator
) -> _DrawnCounts:
    confusion = np.asarray(confusion)
    classes = np.flatnonzero(confusion.sum(axis=1))
    if not classes.size:
        raise ValueError("`confusion` should count pictures. Received: zeros only")
    support = confusion[classes].sum(axis=1)
    right = np.empty((num_draws, classes.size), dtype=np.int64)
    predicted = np.zeros((num_draws, classes.size), dtype=np.int64)
    # Class by class, so that no more than one row of each drawn matrix is in memory.
    for row, number in enumerate(classes):
        shares = confusion[number] / support[row]
        at_once = max(1, _MOST_VALUES_AT_ONCE // len(confusion))
        for start in range(0, num_draws, at_once):
            part = slice(start, min(start + at_once, num_draws))
            drawn = generator.multinomial(support[row], shares, size=part.stop - start)
            right[part, row] = drawn[:, number]
            predicted[part] += drawn[:, classes]
    return _DrawnCounts(classes, support, right, predicted)


def percentile_interval(draws: np.ndarray, level: float = 0.95) -> Interval:
    """What lies in the middle of the draws float [num_draws]."""
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def _percentiles(draws: pd.DataFrame, level: float) -> dict[str, Interval]:
    return {str(name): percentile_interval(draws[name], level) for name in draws.columns}
