"""Exact tests of two models on the same images, where images may be dependent.

If both are equally good, their predictions for an image could as well be swapped. Of images that
belong together, such as the works of one artist, all are swapped or none. Over all ways of swapping
the difference in correct predictions has a distribution that can be computed exactly; with single
images it is the binomial one of McNemar's exact test (McNemar 1947, doi:10.1007/BF02295996), which
Dietterich 1998 recommends where a model can be trained only once.

Sources: Fisher 1935, "The Design of Experiments", section 21; Winkler et al. 2014, "Permutation
inference for the general linear model", doi:10.1016/j.neuroimage.2014.01.060 (sign flips of whole
blocks).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import signal, stats

SIGNIFICANCE = 0.05

_ROUNDING = 1e-12


def sign_flip_exact(differences: np.ndarray) -> float:
    """Compute the two-sided p-value of differences int [G], one for each cluster of images.

    A difference is the correct predictions of the first model less those of the second. The p-value
    is the probability of a sum as far from 0 or farther, if each sign were a toss of a coin; 1 if
    nothing differs.
    """
    differences = np.asarray(differences, dtype=np.int64)
    differences = differences[differences != 0]
    if not differences.size:
        return 1.0
    differences = differences // np.gcd.reduce(differences)
    sizes, observed = np.abs(differences), abs(int(differences.sum()))
    if (sizes == 1).all():
        num_first = (len(sizes) + observed) // 2
        return float(stats.binomtest(num_first, len(sizes)).pvalue)
    # The sum is 2 s - total, where s adds up the clusters whose sign is positive.
    shares = np.ones(1)
    for size, count in zip(*np.unique(sizes, return_counts=True), strict=True):
        steps = np.zeros(size * count + 1)
        steps[::size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
        shares = signal.convolve(shares, steps)
    sums = 2 * np.arange(len(shares)) - int(sizes.sum())
    return float(np.clip(shares[np.abs(sums) >= observed].sum(), _ROUNDING, 1.0))


def min_discordant(significance: float) -> int:
    """Count the clusters that must differ before any outcome has a p-value below `significance`."""
    return math.floor(math.log2(2.0 / significance)) + 1


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values of several comparisons at once, by Holm's step-down method.

    Args:
        p_values: name of a comparison -> its own p-value.

    Returns:
        Name -> p-value to compare with 0.05, in the same order: the probability of one or more
        false positives among all of them stays below.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    names = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    largest = 0.0
    for position, name in enumerate(names):
        largest = max(largest, (len(names) - position) * p_values[name])
        adjusted[name] = min(1.0, largest)
    return {name: adjusted[name] for name in p_values}
