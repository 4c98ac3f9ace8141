"""Intervals of proportions that hold for few images, too.

The interval is Jeffreys' with the modification at its ends: quantiles of
Beta(x + 1/2, n - x + 1/2), where 0 and 1 are included as soon as all images but one agree, and
where all agree the other end is that of the exact test. It always contains the proportion and is
never of zero width.

Why this one: Wald's interval and the bootstrap of percentiles have no width where all images are
right. Wilson's and the plain Jeffreys interval hold a rate of 0.99 in 90 % of the cases at 10
images, Agresti-Coull's a rate of 0.95 in 86 % at 3 images, and the exact one of Clopper and Pearson
is wider than it needs to be. `benchmarks/interval_coverage.py` measures it; the table is in
docs/concepts/intervals.md.

Sources: Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion",
doi:10.1214/ss/1009213286 (the modified Jeffreys interval, section 4.1); Korn and Graubard 1998,
"Confidence intervals for proportions with small expected number of positive counts estimated from
survey data" (the effective number of images, where images do not count alike).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

Interval = tuple[float, float]

LEVEL = 0.95

_ROUNDING = 1e-9


def proportion_interval(
    shares: np.ndarray | float, counts: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute intervals of proportions.

    Args:
        shares: float [...], the observed proportions, in [0, 1].
        counts: float [...], images they were observed on, not necessarily whole; where there are
            none the interval is 0 to 1.

    Returns:
        Lower and upper end, float64 [...].
    """
    shares, counts = np.broadcast_arrays(
        np.asarray(shares, np.float64), np.asarray(counts, np.float64)
    )
    tail = (1.0 - LEVEL) / 2.0
    known = np.where(counts > 0, counts, 1.0)
    hits, misses = shares * known, (1.0 - shares) * known
    low = stats.beta.ppf(tail, hits + 0.5, misses + 0.5)
    high = stats.beta.ppf(1.0 - tail, hits + 0.5, misses + 0.5)
    edge = tail ** (1.0 / known)
    low = np.where(hits <= 1 + _ROUNDING, 0.0, np.where(misses <= _ROUNDING, edge, low))
    high = np.where(misses <= 1 + _ROUNDING, 1.0, np.where(hits <= _ROUNDING, 1.0 - edge, high))
    # A single hit does not extend the interval below the edge of the exact test.
    low = np.where((misses <= _ROUNDING) & (hits <= 1 + _ROUNDING), edge, low)
    high = np.where((hits <= _ROUNDING) & (misses <= 1 + _ROUNDING), 1.0 - edge, high)
    unknown = counts <= 0
    low = np.where(unknown, 0.0, np.minimum(low, shares))
    return low, np.where(unknown, 1.0, np.maximum(high, shares))


def mean_interval(mean: float, variance: float, num_images: float, num_strata: int) -> Interval:
    """Compute the interval of a mean of values in [0, 1], or of a score that behaves like one.

    It is that of a proportion on the effective number of images: as many as give a proportion of
    this size the estimated variance. An estimate from few images is drawn towards the variance
    of a proportion, as if every stratum had one more image that varies so; so it never vanishes.

    Args:
        mean: in [0, 1].
        variance: of the mean, estimated.
        num_images: which would give a plain proportion the same weight.
        num_strata: classes that were sampled separately.
    """
    binomial = num_images * mean * (1.0 - mean)
    factor = (num_images**2 * variance + num_strata) / (binomial + num_strata)
    low, high = proportion_interval(mean, num_images / factor)
    return float(low), float(high)
