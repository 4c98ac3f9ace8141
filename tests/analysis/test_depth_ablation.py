from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.analysis.depth_ablation import depth_losses, leave_depths_out
from artstyle_tf.heads.closed_form import fit_ridge_probe
from artstyle_tf.images.splits.folds import assign_folds
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.models.features import FeatureGroup

GROUPS = [
    FeatureGroup(4, has_one_scale=False, depth="top"),
    FeatureGroup(3, has_one_scale=True, depth="block1a"),
    FeatureGroup(5, has_one_scale=True, depth="block2b"),
]
STYLES = ["bold", "fine", "wide", "missing"]


@pytest.fixture(scope="module")
def images():
    """Only block1a separates wide; the top and block2b separate bold and fine."""
    generator = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], 40)
    clusters = np.arange(120) // 2
    features = generator.normal(size=(120, 12)).astype(np.float32)
    features[:, 4] += 6 * (labels == 2)
    features[:, [0, 7]] += 8 * (labels == 1)[:, None]
    folds = assign_folds(labels, clusters, num_folds=4, seed=0)
    return features, labels, folds, clusters


@pytest.fixture(scope="module")
def table(images):
    return leave_depths_out(*images, GROUPS, class_names=STYLES)


def lost(table, depth, style, kind="without"):
    chosen = (table["features"] == kind) & (table["depth"] == depth) & (table["style"] == style)
    return float(table.loc[chosen, "lost"].iloc[0])


def test_a_style_is_lost_without_the_only_depth_that_shows_it(table):
    assert lost(table, "block1a", "wide") > 0.3
    assert abs(lost(table, "block2b", "wide")) < 0.1
    assert abs(lost(table, "top", "wide")) < 0.1


def test_information_of_two_depths_is_missed_without_neither(table):
    for depth in ("top", "block2b"):
        assert abs(lost(table, depth, "fine")) < 0.1
        assert lost(table, depth, "fine", kind="only") < 0.1
    assert lost(table, "block1a", "fine", kind="only") > 0.3


def test_intervals_show_which_depth_is_needed(table):
    losses = depth_losses(table)
    assert list(losses) == ["top", "block1a", "block2b"]
    assert losses["block1a"].is_significant
    assert not losses["top"].is_significant
    for loss in losses.values():
        assert loss.interval[0] <= loss.difference <= loss.interval[1]


def test_scores_are_those_of_a_regression_on_the_other_groups(images, table):
    features, labels, folds, _ = images
    others, kept = features[:, [*range(4), *range(7, 12)]], [GROUPS[0], GROUPS[2]]
    predicted = np.empty(120, dtype=int)
    for number in range(4):
        known = folds != number
        kernel, bias = fit_ridge_probe(
            others[known], labels[known], num_classes=3, alpha=1.0, balanced=True, groups=kept
        )
        predicted[~known] = (others[~known] @ kernel + bias).argmax(axis=1)
    rows = table[(table["features"] == "without") & (table["depth"] == "block1a")]
    macro_f1 = rows.loc[rows["style"].isna(), "f1"].item()
    expected = classification_summary(labels, predicted, num_classes=4)["macro_f1"]
    assert macro_f1 == pytest.approx(expected)
    # A style without images has no row and does not count.
    assert rows["style"].dropna().tolist() == ["bold", "fine", "wide"]
    assert rows["f1"].iloc[1:].mean() == pytest.approx(macro_f1)


def test_all_depths_lose_nothing_and_the_same_images_give_the_same_table(images, table):
    everything = table[table["features"] == "all"]
    assert (everything[["lost", "lost_low", "lost_high"]] == 0).all(axis=None)
    other = leave_depths_out(*images, GROUPS, class_names=STYLES)
    assert other.equals(table)
    without = table[table["features"] == "without"]
    assert (without["lost_low"] < without["lost_high"]).all()
    assert without["p_value"].notna().equals(without["style"].isna())
