from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artstyle_tf.metrics.style_tests import compare_pairs, compare_styles, group_means


def samples(seed, shifts=(0.0, 0.5, 3.0), size=20):
    generator = np.random.default_rng(seed)
    labels = pd.Series(np.repeat([f"style {n}" for n in range(len(shifts))], size))
    brightness = generator.normal(np.repeat(shifts, size), 1)
    noise = generator.normal(0, 1, len(labels))
    return pd.DataFrame({"brightness": brightness, "noise": noise}), labels


def test_tests_of_all_styles_are_those_of_scipy():
    values, labels = samples(0)
    table = compare_styles(values, labels).set_index("measure")
    of_styles = [values["brightness"][labels == style] for style in labels.unique()]
    assert table.loc["brightness", "kruskal_p"] == pytest.approx(stats.kruskal(*of_styles).pvalue)
    levene = stats.levene(*of_styles, center="median")
    assert table.loc["brightness", "levene_p"] == pytest.approx(levene.pvalue)
    # Of two measures the smaller p-value is doubled.
    assert table.loc["brightness", "kruskal_p_holm"] == pytest.approx(
        2 * table.loc["brightness", "kruskal_p"]
    )
    assert table.loc["noise", "kruskal_p_holm"] == table.loc["noise", "kruskal_p"]
    assert table.loc["brightness", "epsilon_squared"] > 0.5 > table.loc["noise", "epsilon_squared"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_cliffs_delta_counts_pairs(seed):
    values, labels = samples(seed, size=7)
    values = values.round(0)  # with ties
    for row in compare_pairs(values, labels).itertuples():
        first, second = (values[row.measure][labels == style] for style in (row.first, row.second))
        signs = [np.sign(a - b) for a, b in itertools.product(first, second)]
        assert row.cliffs_delta == pytest.approx(np.mean(signs))
        assert row.p == pytest.approx(stats.mannwhitneyu(first, second).pvalue)


def test_pairs_are_corrected_within_a_measure():
    values, labels = samples(1)
    pairs = compare_pairs(values, labels)
    assert len(pairs) == 2 * 3
    for _, of_measure in pairs.groupby("measure"):
        ordered = of_measure.sort_values("p")
        holm = np.maximum.accumulate(ordered["p"].to_numpy() * [3, 2, 1]).clip(max=1)
        np.testing.assert_allclose(ordered["p_holm"], holm)


def test_the_false_alarms_of_all_pairs_together_stay_below_five_percent():
    alarms = [
        (compare_pairs(*samples(seed, shifts=(0, 0, 0, 0), size=8))["p_holm"] < 0.05).head(6).any()
        for seed in range(60)
    ]
    assert np.mean(alarms) < 0.11  # 0.05 and two standard errors


def test_small_styles_and_missing_values_are_left_out():
    values, labels = samples(2)
    labels[:17] = "style 1"  # three of style 0 are left
    values.loc[59, "noise"] = np.nan
    assert set(compare_pairs(values, labels)["first"]) == {"style 1"}
    assert len(compare_styles(values, labels)) == 2
    assert compare_styles(values[:20], labels[:20]).empty
    assert compare_pairs(values[:17], labels[:17]).empty


def test_a_measure_that_never_varies_is_no_difference():
    values, labels = samples(3)
    values["constant"] = 7.0
    row = compare_styles(values, labels).set_index("measure").loc["constant"]
    assert (row["kruskal_p"], row["levene_p"], row["epsilon_squared"]) == (1, 1, 0)
    pairs = compare_pairs(values, labels).query("measure == 'constant'")
    assert (pairs["cliffs_delta"] == 0).all()
    assert (pairs["p_holm"] == 1).all()


def test_a_group_counts_once_in_each_style():
    values = pd.DataFrame({"brightness": [1.0, 3.0, 10.0, 4.0]})
    labels = pd.Series(["a", "a", "a", "b"])
    groups = pd.Series(["zoe", "zoe", "ann", "zoe"])
    means, of_means = group_means(values, labels, groups)
    assert list(zip(of_means, means["brightness"], strict=True)) == [
        ("a", 10.0),
        ("a", 2.0),
        ("b", 4.0),
    ]
