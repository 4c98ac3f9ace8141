from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from artstyle_tf.metrics import neighbors as module
from artstyle_tf.metrics.neighbors import (
    Neighbors,
    knn_probabilities,
    nearest_neighbors,
    prototype_probabilities,
    prototypes,
    smallest_first,
)


def rows(count, seed, dimension=4):
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 8), st.integers(1, 5))
def test_they_are_those_of_scikit_learn(num_queries, num_rows, k, at_once):
    queries, gallery = rows(num_queries, 1), rows(num_rows, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MAX_PAIRS_AT_ONCE", at_once * num_rows)
        found = nearest_neighbors(queries, gallery, num_neighbors=k)
    count = min(k, num_rows)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(gallery)
    distances, positions = search.kneighbors(queries)
    np.testing.assert_array_equal(found.positions[:, :count], positions)
    np.testing.assert_allclose(found.distances[:, :count], distances, atol=1e-3)
    assert (found.positions[:, count:] == -1).all()
    assert np.isinf(found.distances[:, count:]).all()


def test_ties_are_broken_by_position():
    gallery = np.zeros((6, 2), np.float32)
    gallery[0] = 5
    found = nearest_neighbors(np.zeros((1, 2)), gallery, num_neighbors=3)
    assert found.positions.tolist() == [[1, 2, 3]]


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 100))
def test_the_smallest_values_come_in_order_with_ties_by_position(width, count, seed):
    values = np.random.default_rng(seed).integers(0, 4, (5, width)).astype(float)
    expected = np.argsort(values, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(smallest_first(values, count), expected)


def test_rows_of_the_same_group_are_no_neighbors():
    gallery = rows(6, 3)
    groups = np.array(["a", "a", "b", "b", "c", "c"])
    found = nearest_neighbors(
        gallery, gallery, num_neighbors=5, query_groups=groups, gallery_groups=groups
    )
    for position, (nearest, distances) in enumerate(
        zip(found.positions, found.distances, strict=True)
    ):
        there = nearest[nearest >= 0]
        assert set(groups[there]) == set("abc") - {groups[position]}
        assert len(there) == 4
        assert np.isinf(distances[4])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_class_with_most_votes_is_that_of_scikit_learn(k):
    queries, gallery = rows(200, 4), rows(60, 5)
    labels = np.random.default_rng(6).integers(0, 3, 60)
    probabilities = knn_probabilities(
        nearest_neighbors(queries, gallery, num_neighbors=k), labels, num_classes=3
    )
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    theirs = KNeighborsClassifier(k, algorithm="brute").fit(gallery, labels).predict_proba(queries)
    np.testing.assert_allclose(probabilities, theirs, atol=2e-3)
    most = theirs.max(axis=1, keepdims=True)
    is_clear = (theirs == most).sum(axis=1) == 1
    assert is_clear.any()
    np.testing.assert_array_equal(
        probabilities.argmax(axis=1)[is_clear], theirs.argmax(axis=1)[is_clear]
    )


def test_nearer_neighbors_break_ties_only():
    def voted_class(*labels):
        found = Neighbors(np.arange(len(labels))[None], np.zeros((1, len(labels))))
        return int(knn_probabilities(found, np.array(labels), num_classes=3).argmax())

    assert voted_class(2, 0) == 2
    assert voted_class(1, 0, 0, 1, 2) == 0
    assert voted_class(0, 1, 1) == 1
    assert voted_class(*[0] * 2000, *[1] * 2001) == 1


def test_missing_neighbors_do_not_vote():
    found = Neighbors(np.array([[0, -1], [-1, -1]]), np.array([[0.1, np.inf], [np.inf, np.inf]]))
    probabilities = knn_probabilities(found, np.array([1, 0]), num_classes=4)
    np.testing.assert_allclose(probabilities, [[0, 1, 0, 0], [0.25] * 4])


def test_prototypes_are_mean_directions():
    embeddings = np.array([[1, 0], [0, 1], [0, -1]], np.float32)
    found = prototypes(embeddings, np.array([0, 0, 2]), num_classes=3)
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [0, 0], [0, -1]], atol=1e-6)
    probabilities = prototype_probabilities(np.array([[0.0, -1.0]]), found)
    weights = np.exp(-np.array([2 + 2**0.5, 1.0, 0.0]))
    np.testing.assert_allclose(probabilities[0], weights / weights.sum(), atol=1e-6)
