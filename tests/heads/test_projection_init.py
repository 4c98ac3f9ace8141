from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.heads.closed_form import fit_linear_probe
from artstyle_tf.heads.projection_init import fit_projection
from artstyle_tf.metrics.neighbors import knn_probabilities, nearest_neighbors


def some_features(count, seed, *, num_classes=4, dimension=20):
    """Sample features whose classes differ only in a few directions of low variance."""
    labels = np.arange(count) % num_classes
    centers = np.random.default_rng(0).normal(size=(num_classes, 5))
    noise = np.random.default_rng(seed).normal(size=(count, dimension))
    noise[:, 10:] *= 20
    noise[:, :5] = centers[labels] + 0.5 * noise[:, :5]
    return noise + 3.0, labels


def project(features, labels, *, num_classes=4, **options):
    probe = fit_linear_probe(features, labels, num_classes=num_classes, C=0.1, balanced=True)
    options = {"dimension": 12, "pca_fraction": 0.5, **options}
    return fit_projection(features, *probe, **options)


def knn_accuracy(kernel, bias):
    train, test = some_features(200, 1), some_features(100, 2)
    embedded = []
    for features, _ in (train, test):
        rows = features @ kernel + bias
        embedded.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    found = nearest_neighbors(embedded[1], embedded[0], num_neighbors=5)
    predicted = knn_probabilities(found, train[1], num_classes=4).argmax(axis=1)
    return (predicted == test[1]).mean()


def test_neighbors_separate_classes_before_any_training():
    kernel, bias = project(*some_features(200, 1))
    random = np.random.default_rng(0).normal(size=(20, 12))
    assert kernel.shape == (20, 12)
    assert kernel.dtype == bias.dtype == np.float32
    assert knn_accuracy(kernel, bias) > 0.85
    assert knn_accuracy(random, np.zeros(12)) < 0.6


def test_both_blocks_have_the_configured_lengths():
    features, labels = some_features(200, 1)
    kernel, bias = project(features, labels, pca_fraction=0.25)
    rows = features @ kernel + bias
    lengths = [np.sqrt((block**2).sum(axis=1).mean()) for block in (rows[:, :3], rows[:, 3:])]
    assert lengths == pytest.approx([1.0, 0.25], rel=1e-3)


@pytest.mark.parametrize(("dimension", "num_used"), [(2, 2), (3, 3), (64, 3 + 20)])
def test_any_dimension_is_accepted(dimension, num_used):
    kernel, bias = project(*some_features(200, 1), dimension=dimension)
    assert kernel.shape == (20, dimension)
    assert (np.abs(kernel).sum(axis=0) > 0).sum() == num_used
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()


def test_logits_alone_and_dead_features():
    features, labels = some_features(60, 1)
    features[:, 7] = 1.0
    kernel, _ = project(features, labels, pca_fraction=0.0)
    assert (np.abs(kernel).sum(axis=0) > 0).sum() == 3
    assert np.isfinite(project(features, labels)[0]).all()


def test_two_classes_have_one_direction():
    features, labels = some_features(60, 1, num_classes=2)
    kernel, _ = project(features, labels, num_classes=2, pca_fraction=0.0)
    assert (np.abs(kernel).sum(axis=0) > 0).sum() == 1
