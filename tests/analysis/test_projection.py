from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.analysis.projection import project
from artstyle_tf.analysis.settings import ProjectionConfig
from artstyle_tf.system.errors import ArtstyleError

USUAL = ProjectionConfig()


def two_blobs(each=15):
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], each)
    return generator.normal(size=(2 * each, 6)) + 12 * labels[:, None], labels


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_neighbors_stay_neighbors_and_projections_are_reproducible(method):
    features, labels = two_blobs()
    settings = ProjectionConfig(umap_neighbors=8)
    points = project(features, method, settings=settings, seed=3)
    assert points.shape == (30, 2)
    assert points.dtype == np.float32
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).all()
    again = project(features, method, settings=settings, seed=3)
    np.testing.assert_array_equal(again, points)


def test_principal_components_are_those_of_the_singular_values():
    features, _ = two_blobs()
    points = project(features, "pca", settings=USUAL, seed=0)
    centered = features - features.mean(axis=0)
    left, values, _ = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(left[:, :2] * values[:2]), atol=1e-4)


def test_few_images_can_be_projected():
    features, _ = two_blobs(2)
    assert np.isfinite(project(features, "tsne", settings=USUAL, seed=0)).all()
    with pytest.raises(ArtstyleError, match="too few images"):
        project(features[:3], "pca", settings=USUAL, seed=0)
