"""How sure a score is: 95 % intervals by resampling the pictures.

An interval says how much the score would vary with other pictures of the same kind and the same
model. It does not say what another training seed or another split would give.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", percentile intervals; drawn
within each true class, because the class sizes of a test set were chosen, not found.
"""

from __future__ import annotations

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
    scored = np.flatnonzero(confusion.sum(axis=1))
    if not scored.size:
        raise ValueError("`confusion` should count pictures. Received: zeros only")
    generator = np.random.default_rng(seed)
    at_once = max(1, _MOST_VALUES_AT_ONCE // (scored.size * len(confusion)))
    parts = [
        _draw_scores(confusion, scored, min(at_once, num_draws - start), generator)
        for start in range(0, num_draws, at_once)
    ]
    return _percentiles(pd.concat(parts), level)


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
    generator = np.random.default_rng(seed)
    sums = np.zeros((num_draws, known.shape[1]))
    for stratum in np.unique(strata):
        members = known[strata == stratum]
        at_once = max(1, _MOST_VALUES_AT_ONCE // len(members))
        shares = np.full(len(members), 1.0 / len(members))
        for start in range(0, num_draws, at_once):
            draws = min(at_once, num_draws - start)
            times = generator.multinomial(len(members), shares, size=draws)
            sums[start : start + draws] += times @ members
    means = pd.DataFrame(sums / len(known), columns=list(values.columns))
    return _percentiles(means, level)


def _draw_scores(
    confusion: np.ndarray, scored: np.ndarray, num_draws: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Scores of confusion matrices drawn anew, one row a draw."""
    support = confusion[scored].sum(axis=1)
    drawn = np.stack(
        [
            generator.multinomial(support[row], confusion[number] / support[row], size=num_draws)
            for row, number in enumerate(scored)
        ],
        axis=1,
    )
    right = drawn[:, np.arange(scored.size), scored]
    predicted = drawn.sum(axis=1)[:, scored]
    return pd.DataFrame(
        {
            "macro_f1": (2.0 * right / (support + predicted)).mean(axis=1),
            "accuracy": right.sum(axis=1) / support.sum(),
            "macro_precision": (right / np.maximum(predicted, 1)).mean(axis=1),
            "macro_recall": (right / support).mean(axis=1),
        }
    )


def percentile_interval(draws: np.ndarray, level: float = 0.95) -> Interval:
    """What lies in the middle of the draws float [num_draws]."""
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def _percentiles(draws: pd.DataFrame, level: float) -> dict[str, Interval]:
    return {str(name): percentile_interval(draws[name], level) for name in draws.columns}
