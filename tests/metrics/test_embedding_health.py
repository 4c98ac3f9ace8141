from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from artstyle_tf.metrics import embedding_health
from artstyle_tf.metrics import neighbors as neighbors
from artstyle_tf.metrics.embedding_health import (
    active_triplet_share,
    effective_rank,
    mean_pairwise_distance,
    same_and_different_distances,
)


@pytest.fixture(params=[2**24, 50], ids=["one block", "many blocks"])
def rows(request, monkeypatch):
    monkeypatch.setattr(neighbors, "_MAX_PAIRS_AT_ONCE", request.param)
    values = np.random.default_rng(0).normal(size=(25, 6))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_mean_distance_is_that_of_all_pairs(rows):
    assert mean_pairwise_distance(rows) == pytest.approx(pdist(rows).mean(), abs=1e-5)
    assert mean_pairwise_distance(rows[:1]) == 0
    assert mean_pairwise_distance(np.ones((40, 128)) / 128**0.5) < 1e-3


def test_rank_counts_directions():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    for rank in (1, 2, 5):
        rows = np.concatenate([basis[:rank], -basis[:rank]])
        assert effective_rank(rows) == pytest.approx(rank)
    assert effective_rank(np.ones((20, 4))) == 0
    noise = 1e-9 * np.random.default_rng(0).normal(size=(20, 4))
    assert effective_rank(np.ones((20, 4)) + noise) == 0


def test_rank_lies_between_the_extremes(rows):
    assert 4 < effective_rank(rows) <= 6
    assert effective_rank(rows * [1, 1, 0.01, 0.01, 0.01, 0.01]) < 3


@pytest.mark.parametrize("margin", [0.0, 0.2, 1.0])
def test_active_triplets_are_counted_as_a_loop_does(rows, margin):
    labels = np.arange(25) % 3
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    active, triplets = 0, 0
    for a, p, n in np.ndindex(25, 25, 25):
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
            triplets += 1
            active += distances[a, p] + margin > distances[a, n]
    assert active_triplet_share(rows, labels, margin=margin) == pytest.approx(active / triplets)


def test_a_collapsed_embedding_has_all_triplets_active():
    labels = np.arange(12) % 3
    assert active_triplet_share(np.ones((12, 4)), labels, margin=0.2) == 1
    assert active_triplet_share(np.eye(3)[labels], labels, margin=0.2) == 0
    assert active_triplet_share(np.ones((12, 4)), np.zeros(12), margin=0.2) == 0


def test_distances_within_and_between_classes(rows, monkeypatch):
    labels = np.arange(25) % 2
    same, different = same_and_different_distances(rows, labels)
    assert (len(same), len(different)) == (13 * 12 // 2 + 12 * 11 // 2, 13 * 12)
    everything = np.sort(np.concatenate([same, different]))
    np.testing.assert_allclose(everything, np.sort(pdist(rows)), atol=1e-4)
    monkeypatch.setattr(embedding_health, "_MAX_PAIRS_IN_A_HISTOGRAM", 50)
    few = [same_and_different_distances(rows, labels, seed=seed) for seed in (1, 1, 2)]
    assert sum(map(len, few[0])) == 45
    np.testing.assert_array_equal(few[0][0], few[1][0])
    assert sorted(few[0][0]) != sorted(few[2][0])
