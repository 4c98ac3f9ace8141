from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from artstyle_tf.heads import closed_form
from artstyle_tf.heads.closed_form import fit_ridge_probe
from artstyle_tf.models.features import FeatureGroup


def blobs(*, features, num_classes=4, each=(30, 12, 25, 9), seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), each)
    centers = generator.normal(0, 1, (num_classes, features))
    return centers[labels] + generator.normal(0, 1.5, (len(labels), features)) + 20, labels


@pytest.mark.parametrize("features", [10, 300])  # fewer and more than images
@pytest.mark.parametrize("balanced", [True, False])
def test_it_is_the_ridge_regression_of_scikit_learn(features, balanced):
    points, labels = blobs(features=features)
    kernel, bias = fit_ridge_probe(points, labels, num_classes=4, alpha=0.7, balanced=balanced)
    counts = np.bincount(labels)
    weights = len(labels) / (4 * counts[labels]) if balanced else np.ones(len(labels))
    scaled = points / (points.std(axis=0) * np.sqrt(features))
    oracle = Ridge(alpha=0.7).fit(scaled, np.eye(4)[labels], sample_weight=weights)
    outputs, expected = points @ kernel + bias, oracle.predict(scaled)
    # The same up to the temperature.
    spreads = [values - values.mean(axis=1, keepdims=True) for values in (outputs, expected)]
    factor = np.linalg.norm(spreads[0]) / np.linalg.norm(spreads[1])
    np.testing.assert_allclose(spreads[0], factor * spreads[1], atol=2e-3 * factor)
    np.testing.assert_array_equal(outputs.argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize("features", [5, 200])
def test_the_temperature_is_that_of_images_left_out_one_by_one(features, monkeypatch):
    points, labels = blobs(features=features)
    seen = []
    fit = closed_form.fit_temperature
    monkeypatch.setattr(
        closed_form, "fit_temperature", lambda *args: seen.append(args[0]) or fit(*args)
    )
    fit_ridge_probe(points, labels, num_classes=4, alpha=0.7, balanced=False)
    scaled = points / (points.std(axis=0) * np.sqrt(features))
    targets = np.eye(4)[labels]
    for number in (0, 33, 75):
        others = np.arange(len(labels)) != number
        oracle = Ridge(alpha=0.7).fit(scaled[others], targets[others])
        expected = oracle.predict(scaled[number : number + 1])[0]
        np.testing.assert_allclose(seen[0][number], expected, atol=1e-6)


def test_groups_count_alike_whatever_their_scale():
    points, labels = blobs(features=6)
    groups = [FeatureGroup(2, has_one_scale=True), FeatureGroup(4, has_one_scale=True)]
    settings = {"num_classes": 4, "alpha": 1.0, "balanced": True, "groups": groups}
    kernel, bias = fit_ridge_probe(points, labels, **settings)
    stretched = points * np.repeat([1000.0, 1.0], [2, 4])
    other, other_bias = fit_ridge_probe(stretched, labels, **settings)
    np.testing.assert_allclose(stretched @ other + other_bias, points @ kernel + bias, atol=1e-3)


def test_features_that_do_not_vary_do_no_harm():
    points, labels = blobs(features=6)
    points[:, 2:] = 3.0
    kernel, bias = fit_ridge_probe(points, labels, num_classes=4, alpha=1.0, balanced=True)
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()
