from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.heads.closed_form import feature_scales
from artstyle_tf.models.features import FeatureGroup


@pytest.mark.parametrize("has_one_scale", [True, False])
def test_every_group_has_a_total_variance_of_one(has_one_scale):
    generator = np.random.default_rng(0)
    features = generator.normal(3, [1, 5, 2, 100, 300], size=(200, 5))
    groups = [FeatureGroup(3, has_one_scale), FeatureGroup(2, has_one_scale)]
    scales = feature_scales(features, groups)
    variances = (features / scales).var(axis=0)
    assert variances[:3].sum() == pytest.approx(1)
    assert variances[3:].sum() == pytest.approx(1)
    if has_one_scale:
        assert len(set(scales)) == 2
    else:
        np.testing.assert_allclose(variances, [1 / 3] * 3 + [1 / 2] * 2)


def test_without_groups_each_feature_has_its_scale():
    features = np.random.default_rng(0).normal(0, [1, 50], size=(100, 2))
    np.testing.assert_allclose((features / feature_scales(features, None)).var(axis=0), 0.5)


@pytest.mark.parametrize("has_one_scale", [True, False])
def test_constant_features_stay_as_they_are(has_one_scale):
    groups = [FeatureGroup(1, has_one_scale), FeatureGroup(2, has_one_scale)]
    np.testing.assert_array_equal(feature_scales(np.full((9, 3), 7.0), groups), 1.0)


def test_groups_have_to_add_up():
    with pytest.raises(ValueError, match="add up to the 3 features"):
        feature_scales(np.zeros((4, 3)), [FeatureGroup(1, True), FeatureGroup(1, True)])
