from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.images.splits.folds import assign_folds
from artstyle_tf.inspection import property_probe
from artstyle_tf.inspection.property_probe import probe_properties
from artstyle_tf.system.content_cache import content_cache


def probe(features, labels, clusters=None, names=None):
    clusters = np.arange(len(labels)) if clusters is None else clusters
    names = names or [f"p{n}" for n in range(features.shape[1])]
    folds = assign_folds(labels, clusters, num_folds=5, seed=0)
    classes = [f"style {n}" for n in range(labels.max() + 1)]
    return probe_properties(features, names, labels, clusters, folds, class_names=classes, seed=0)


@pytest.fixture(scope="module")
def labels():
    return np.repeat(np.arange(3), [40, 40, 20])


def test_a_property_that_reveals_styles_is_found_and_named(labels):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(100, 3))
    features[:, 1] = labels + 0.1 * generator.normal(size=100)
    features[::7, 2] = np.nan
    features = np.column_stack([features, np.full(100, 5.0)])
    found = probe(features, labels, names=["noise", "quality", "unknown", "same for all"])
    assert found.macro_f1 > 0.95
    assert found.interval[0] > found.chance + 0.4
    assert found.importances["property"].tolist()[0] == "quality"
    assert "same for all" not in set(found.importances["property"])
    assert found.importances["importance"].iloc[0] > 0.4
    assert found.per_style["f1"].is_monotonic_decreasing


def test_random_features_score_chance(labels):
    found = probe(np.random.default_rng(1).normal(size=(100, 2)), labels)
    assert abs(found.macro_f1 - found.chance) < 0.15
    assert found.interval[0] < found.chance < found.interval[1]


def test_a_property_of_groups_scores_chance_if_groups_are_kept_together():
    generator = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 4)
    labels = generator.permutation(np.repeat(np.arange(3), 10))[groups]
    features = generator.normal(size=30)[groups][:, None]
    divided, kept = probe(features, labels), probe(features, labels, clusters=groups)
    assert divided.macro_f1 > 0.8
    assert kept.macro_f1 < 0.55


def test_constant_properties_give_no_probe(labels):
    assert probe(np.ones((100, 2)), labels) is None


@pytest.mark.parametrize("varies", [True, False])
def test_a_known_probe_is_not_computed_again(labels, varies, tmp_path, monkeypatch):
    features = np.random.default_rng(3).normal(size=(100, 2)) if varies else np.ones((100, 2))
    clusters = np.arange(100)
    folds = assign_folds(labels, clusters, num_folds=5, seed=0)
    values = (features, ["a", "b"], labels, clusters, folds)
    options = {"class_names": ["x", "y", "z"], "seed": 0}
    expected = property_probe.probe_properties(*values, **options)
    with content_cache(tmp_path / "content_cache.sqlite"):
        property_probe.probe_once(*values, **options)
        with monkeypatch.context() as patch:
            patch.setattr(property_probe, "probe_properties", None)
            found = property_probe.probe_once(*values, **options)
            with pytest.raises(TypeError):  # other values are computed
                property_probe.probe_once(*values, class_names=["x", "y", "w"], seed=0)
    if expected is None:
        assert found is None
        return
    assert (found.macro_f1, found.interval) == (expected.macro_f1, expected.interval)
    assert found.chance == expected.chance
    pd.testing.assert_frame_equal(found.per_style, expected.per_style)
    pd.testing.assert_frame_equal(found.importances, expected.importances)
