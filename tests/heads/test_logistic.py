from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from artstyle_tf.heads.closed_form import fit_linear_probe
from artstyle_tf.models.features import FeatureGroup


def blobs(num_classes, *, features=6, each=40, seed=0):
    generator = np.random.default_rng(seed)
    centers = generator.normal(0, 1.5, (num_classes, features))
    labels = np.repeat(np.arange(num_classes), each)
    points = centers[labels] + generator.normal(0, 1, (len(labels), features))
    return points * 10 + 100, labels  # neither centered nor scaled


def test_groups_of_features_count_alike_whatever_their_scale():
    features, labels = blobs(3)
    settings = {"num_classes": 3, "C": 0.1, "balanced": True}
    groups = [FeatureGroup(2, has_one_scale=True), FeatureGroup(4, has_one_scale=True)]
    kernel, bias = fit_linear_probe(features, labels, groups=groups, **settings)
    stretched = features * np.repeat([100.0, 1.0], [2, 4])
    other, other_bias = fit_linear_probe(stretched, labels, groups=groups, **settings)
    np.testing.assert_allclose(stretched @ other + other_bias, features @ kernel + bias, atol=1e-3)
    one_group = [FeatureGroup(6, has_one_scale=True)]
    joined, joined_bias = fit_linear_probe(stretched, labels, groups=one_group, **settings)
    assert np.abs(stretched @ joined + joined_bias - features @ kernel - bias).max() > 0.1


@pytest.mark.parametrize("num_classes", [2, 3, 8])
@pytest.mark.parametrize("num_features", [6, 500])  # fewer and more than images
def test_the_folded_head_gives_the_probabilities_of_scaler_and_regression(
    num_classes, num_features
):
    features, labels = blobs(num_classes, features=num_features)
    kernel, bias = fit_linear_probe(features, labels, num_classes=num_classes, C=0.1, balanced=True)
    logits = features @ kernel + bias
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scaled = StandardScaler().fit_transform(features) / np.sqrt(features.shape[1])
    oracle = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    expected = oracle.fit(scaled, labels).predict_proba(scaled)
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)


@pytest.mark.parametrize("num_features", [6, 500])
def test_a_constant_feature_has_no_effect(num_features):
    features, labels = blobs(3, features=num_features)
    features[:, 2] = 7.0
    kernel, bias = fit_linear_probe(features, labels, num_classes=3, C=1.0, balanced=False)
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()
    np.testing.assert_allclose(kernel[2], 0, atol=1e-6)


def test_copies_of_images_span_no_direction_of_their_own():
    features, labels = blobs(3, features=500, each=10)
    settings = {"num_classes": 3, "C": 0.1, "balanced": False}
    kernel, bias = fit_linear_probe(
        np.concatenate([features, features]), np.concatenate([labels, labels]), **settings
    )
    once, once_bias = fit_linear_probe(features, labels, **{**settings, "C": 0.2})
    np.testing.assert_allclose(features @ kernel + bias, features @ once + once_bias, atol=1e-3)


def test_balancing_raises_the_recall_of_a_small_class():
    generator = np.random.default_rng(3)
    labels = np.repeat([0, 1], [400, 20])
    features = generator.normal(0, 1, (420, 4)) + labels[:, None]
    recalls = []
    for balanced in (False, True):
        kernel, bias = fit_linear_probe(features, labels, num_classes=2, C=1.0, balanced=balanced)
        predicted = (features @ kernel + bias).argmax(axis=1)
        recalls.append((predicted[labels == 1] == 1).mean())
    assert recalls[1] > recalls[0] + 0.2
