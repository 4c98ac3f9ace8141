from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstyle_tf.images.splits.folds import (
    assign_folds,
    check_folds,
    check_learned_in_every_fold,
    split_fold,
)
from artstyle_tf.system.errors import ArtstyleError

SEEDS = st.integers(0, 2**16)


@st.composite
def images(draw):
    """Sample labels and clusters; most are small, some large, some have several classes."""
    sizes = draw(st.lists(st.integers(9, 40), min_size=2, max_size=5))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    generator = np.random.default_rng(draw(SEEDS))
    own = np.arange(len(labels))
    shared = generator.integers(0, draw(st.integers(3, 30)), len(labels)) * len(sizes) + labels
    clusters = np.where(generator.random(len(labels)) < 0.5, own, len(labels) + shared)
    return labels, np.unique(clusters, return_inverse=True)[1]


@given(images(), st.integers(2, 5), SEEDS)
def test_each_image_is_in_one_fold_and_no_cluster_in_two(data, num_folds, seed):
    labels, clusters = data
    folds = assign_folds(labels, clusters, num_folds=num_folds, seed=seed)
    assert set(folds.tolist()) <= set(range(num_folds))
    for cluster in np.unique(clusters):
        assert len(np.unique(folds[clusters == cluster])) == 1


@given(st.lists(st.integers(5, 60), min_size=2, max_size=6), st.integers(2, 5), SEEDS)
def test_without_clusters_every_class_is_divided_evenly(sizes, num_folds, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    folds = assign_folds(labels, np.arange(len(labels)), num_folds=num_folds, seed=seed)
    for label in range(len(sizes)):
        counts = np.bincount(folds[labels == label], minlength=num_folds)
        assert counts.max() - counts.min() <= 1


def test_other_seeds_give_other_folds_and_the_same_seed_the_same():
    labels, clusters = np.repeat([0, 1], 30), np.arange(60)
    first, again, other = (
        assign_folds(labels, clusters, num_folds=5, seed=seed) for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@given(images(), SEEDS)
def test_train_val_and_test_never_share_a_cluster(data, seed):
    labels, clusters = data
    folds = assign_folds(labels, clusters, num_folds=4, seed=seed)
    for number in range(4):
        splits = split_fold(labels, clusters, folds, number, validation_fraction=0.2, seed=seed)
        assert ((splits == "test") == (folds == number)).all()
        for cluster in np.unique(clusters):
            assert len(set(splits[clusters == cluster])) == 1


def test_a_share_of_each_class_decides():
    labels, clusters = np.repeat([0, 1], [50, 25]), np.arange(75)
    folds = assign_folds(labels, clusters, num_folds=5, seed=3)
    splits = split_fold(labels, clusters, folds, 0, validation_fraction=0.1, seed=3)
    decides = splits == "val"
    assert np.bincount(labels[decides]).tolist() == [4, 2]
    assert np.bincount(labels[splits == "train"]).tolist() == [36, 18]


def test_small_styles_are_named():
    labels = np.array([0] * 10 + [1] * 4 + [2] * 10)
    clusters = np.array([*range(14), *[14] * 5, *[15] * 5])
    with pytest.raises(ArtstyleError) as caught:
        check_folds(labels, clusters, num_folds=5, class_names=["A", "B", "C"])
    assert "B with 4 images in 4 groups" in str(caught.value)
    assert "C with 10 images in 2 groups" in str(caught.value)
    assert "A with" not in str(caught.value)
    check_folds(labels[:10], clusters[:10], num_folds=5, class_names=["A"])


def test_a_style_with_fewer_members_than_parts_is_in_as_many_parts():
    labels = np.array([0, 1, 1, 2, 2, 2, 2, 2, 2])
    folds = assign_folds(labels, np.arange(len(labels)), num_folds=5, seed=0)
    assert [len(set(folds[labels == label])) for label in range(3)] == [1, 2, 5]


def test_a_style_that_a_fold_takes_away_entirely_is_refused():
    # Large groups that hold several styles: all of style 2 is in one fold, or would only decide.
    labels = np.array([0, 1, 2, 1, 1, 2, 1, 1, 1, 0, 2, 0, 0, 2, 0])
    clusters = np.array([3, 3, 0, 4, 0, 2, 4, 3, 1, 3, 0, 4, 2, 3, 4])
    check_folds(labels, clusters, num_folds=2, class_names="abc")
    settings = {"class_names": "abc", "validation_fraction": 0.2, "seeds": [0]}
    with pytest.raises(ArtstyleError, match="no training image of c when fold 1 is left out"):
        check_learned_in_every_fold(labels, clusters, num_folds=2, **settings)
    check_learned_in_every_fold(labels, np.arange(len(labels)), num_folds=2, **settings)
