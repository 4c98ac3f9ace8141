from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from artstyle_tf.analysis.clustering import cluster, clustering_scores, contingency, silhouette
from artstyle_tf.system.errors import ArtstyleError


def blobs(sizes=(30, 20, 10), seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centers = 8 * np.eye(len(sizes))
    return centers[labels] + generator.normal(0, 0.5, (len(labels), len(sizes))), labels


def test_the_silhouette_chooses_the_number_and_the_largest_cluster_is_the_first():
    features, labels = blobs()
    found = cluster(features, np.ones(60, bool), range(2, 6), seed=0)
    assert found.num_clusters == 3
    assert max(found.silhouettes, key=lambda number: found.silhouettes[number]) == 3
    np.testing.assert_array_equal(found.clusters, labels)
    nearest = np.linalg.norm(features[:, None] - found.centers, axis=2)
    np.testing.assert_allclose(found.distances, nearest.min(axis=1))


def test_images_that_are_held_out_do_not_move_the_centers():
    features, labels = blobs()
    is_fitted = np.arange(60) % 2 == 0
    moved = np.where(is_fitted[:, None], features, features + 1.0)
    found, other = (cluster(x, is_fitted, [3], seed=0) for x in (features, moved))
    np.testing.assert_allclose(found.centers, other.centers)
    np.testing.assert_array_equal(other.clusters, labels)


def test_more_clusters_than_images_are_refused():
    with pytest.raises(ArtstyleError, match="too few images to cluster"):
        cluster(np.eye(4), np.ones(4, bool), [4], seed=0)


def test_the_silhouette_is_that_of_a_naive_loop():
    features, labels = blobs((6, 5, 4))
    expected = []
    for image, label in zip(features, labels, strict=True):
        distances = np.linalg.norm(features - image, axis=1)
        own = distances[labels == label].sum() / ((labels == label).sum() - 1)
        other = min(distances[labels == c].mean() for c in set(labels.tolist()) - {label})
        expected.append((other - own) / max(own, other))
    np.testing.assert_allclose(silhouette_samples(features, labels), expected)
    assert silhouette(features, labels, seed=0) == pytest.approx(np.mean(expected))
    assert silhouette(features, np.zeros(15, int), seed=0) == 0.0


def naive_adjusted_rand_index(labels, clusters):
    """Compute the index by pairs: agreement above chance, relative to the maximum."""
    upper = np.triu_indices(len(labels), 1)
    same_label = (labels[:, None] == labels)[upper]
    same_cluster = (clusters[:, None] == clusters)[upper]
    both = (same_label & same_cluster).sum()
    expected = same_label.sum() * same_cluster.sum() / len(upper[0])
    largest = (same_label.sum() + same_cluster.sum()) / 2
    return 1.0 if largest == expected else (both - expected) / (largest - expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=25))
def test_scores_are_those_of_their_definitions(pairs):
    labels, clusters = np.array(pairs).T
    scores = clustering_scores(labels, clusters)
    assert scores["adjusted_rand_index"] == pytest.approx(
        naive_adjusted_rand_index(labels, clusters), abs=1e-9
    )
    majority = sum(np.bincount(labels[clusters == c]).max() for c in set(clusters.tolist()))
    assert scores["purity"] == pytest.approx(majority / len(labels))
    # Names of clusters do not matter.
    assert clustering_scores(labels, 3 - clusters) == pytest.approx(scores)


def test_the_contingency_table_counts():
    counts = contingency(np.array([0, 0, 2, 2]), np.array([1, 1, 0, 1]), num_classes=4)
    assert counts.tolist() == [[0, 2], [0, 0], [1, 1], [0, 0]]
