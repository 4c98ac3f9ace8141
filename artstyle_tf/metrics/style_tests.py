"""Tests of whether styles differ in a measure such as brightness, and by how much.

With enough images any difference is significant, so each test comes with the size of the effect.
The tests assume independent images; works of one artist are not, and where artists are known, one
mean for each of them is the valid sample.

Values are float, one row an image, one column a measure; labels are the styles of the rows.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from artstyle_tf.metrics.exact_tests import holm_adjusted

MIN_VALUES_PER_STYLE = 5
"""Styles with fewer values are not tested."""


def compare_styles(values: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Test for each measure whether all styles have the same spread, and the same level.

    Levene's test about medians (Brown and Forsythe 1974, doi:10.1080/01621459.1974.10482955) is
    about the spread, that of Kruskal and Wallis (1952, doi:10.1080/01621459.1952.10483441) about
    the level. The size of the latter's effect is epsilon squared = H / (N - 1), the fraction of the
    variance of ranks that styles explain: 0 for none, 1 if styles do not overlap.

    Returns:
        One row a measure: measure, levene_statistic, levene_p, levene_p_holm, largest_spread and
        smallest_spread (standard deviations), kruskal_statistic, kruskal_p, kruskal_p_holm,
        epsilon_squared. The corrected p-values are for all measures at once. No rows if fewer than
        two styles have enough values.
    """
    samples = _samples(values, labels)
    rows = {}
    for measure in values.columns if len(samples) > 1 else ():
        of_styles = [sample[measure].to_numpy() for sample in samples.values()]
        levene, levene_p = _levene(of_styles)
        kruskal, kruskal_p = _kruskal(of_styles)
        spreads = [float(np.std(sample, ddof=1)) for sample in of_styles]
        rows[measure] = {
            "levene_statistic": levene,
            "levene_p": levene_p,
            "largest_spread": max(spreads),
            "smallest_spread": min(spreads),
            "kruskal_statistic": kruskal,
            "kruskal_p": kruskal_p,
            "epsilon_squared": kruskal / (sum(map(len, of_styles)) - 1),
        }
    for test in ("levene", "kruskal"):
        adjusted = holm_adjusted({measure: row[f"{test}_p"] for measure, row in rows.items()})
        for measure, row in rows.items():
            row[f"{test}_p_holm"] = adjusted[measure]
    columns = (
        *("levene_statistic", "levene_p", "levene_p_holm", "largest_spread", "smallest_spread"),
        *("kruskal_statistic", "kruskal_p", "kruskal_p_holm", "epsilon_squared"),
    )
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))
    return table.rename_axis("measure").reset_index()


def compare_pairs(values: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Test for each measure and pair of styles whether one tends to have larger values.

    By Mann and Whitney's test (1947, doi:10.1214/aoms/1177730491), corrected for all pairs of a
    measure by Holm's method. The size of the effect is Cliff's delta (1993,
    doi:10.1037/0033-2909.114.3.494): how much more often an image of the first style has the
    larger value than one of the second; -1 to 1, 0 if neither does.

    Returns:
        One row for each measure and pair: measure, first, second, first_median, second_median,
        u_statistic (of the first), p, p_holm, cliffs_delta.
    """
    samples = _samples(values, labels)
    columns = ("measure", "first", "second", "first_median", "second_median", "u_statistic", "p")
    rows = []
    for measure in values.columns:
        of_styles = {style: sample[measure].to_numpy() for style, sample in samples.items()}
        for (first, a), (second, b) in itertools.combinations(of_styles.items(), 2):
            result = stats.mannwhitneyu(a, b)
            medians = float(np.median(a)), float(np.median(b))
            rows.append(
                (measure, first, second, *medians, float(result.statistic), float(result.pvalue))
            )
    table = pd.DataFrame(rows, columns=list(columns))
    sizes = {style: len(sample) for style, sample in samples.items()}
    num_pairs = table["first"].map(sizes) * table["second"].map(sizes)
    adjusted = {
        name: p
        for _, group in table.groupby("measure", sort=False)["p"]
        for name, p in holm_adjusted({str(number): p for number, p in group.items()}).items()
    }
    table["p_holm"] = [adjusted[str(number)] for number in table.index]
    table["cliffs_delta"] = 2.0 * table["u_statistic"] / num_pairs - 1.0
    return table


def group_means(
    values: pd.DataFrame, labels: pd.Series, groups: pd.Series
) -> tuple[pd.DataFrame, pd.Series]:
    """Return values and labels of one row for each group of each style: the mean of its images."""
    keys = pd.DataFrame({"label": labels, "group": groups})
    means = values.groupby([keys["label"], keys["group"]]).mean()
    of_means = pd.Series(means.index.get_level_values("label"), name="label")
    return means.reset_index(drop=True), of_means


def _samples(values: pd.DataFrame, labels: pd.Series) -> dict[str, pd.DataFrame]:
    """Return the values of each style that has enough of them, in order of the styles' names."""
    known = values.notna().all(axis=1)
    return {
        str(style): sample
        for style, sample in values[known].groupby(labels[known].to_numpy())
        if len(sample) >= MIN_VALUES_PER_STYLE
    }


def _levene(samples: list[np.ndarray]) -> tuple[float, float]:
    if all(np.ptp(sample) == 0 for sample in samples):
        return 0.0, 1.0  # 0 / 0 for SciPy
    result = stats.levene(*samples, center="median")
    return float(result.statistic), float(result.pvalue)


def _kruskal(samples: list[np.ndarray]) -> tuple[float, float]:
    if np.ptp(np.concatenate(samples)) == 0:
        return 0.0, 1.0  # SciPy refuses
    result = stats.kruskal(*samples)
    return float(result.statistic), float(result.pvalue)
