from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.batches.batches import cached_training_batches, training_batches
from artstyle_tf.system.errors import ArtstyleError

CLASS_SIZES = st.lists(
    st.one_of(st.integers(1, 7), st.sampled_from([11, 13, 23, 64, 97])), min_size=2, max_size=12
)
SHAPES = st.tuples(st.integers(2, 14), st.integers(2, 6))


def labels_of(sizes, seed=0):
    """Return shuffled labels, so that no class is contiguous; ids with gaps."""
    labels = np.repeat(3 * np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(labels)


def some_parents(labels, generator):
    """Return parents: some images are copies of other images of their class."""
    parents = np.arange(len(labels)).astype(str)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        copies = generator.random(len(members)) < 0.5
        originals = generator.choice(members, len(members))
        parents[members[copies]] = parents[originals[copies]]
    return parents


def draw(labels, shape, *, epoch=0, **options):
    order = BalancedOrder(
        labels, classes_per_batch=shape[0], images_per_class=shape[1], seed=7, **options
    )
    numbers, views = order.draw(epoch)
    assert numbers.shape == views.shape == (order.steps_per_epoch, order.batch_size)
    return numbers, views


@given(CLASS_SIZES, SHAPES, st.integers(0, 5))
@settings(deadline=None, max_examples=150)
def test_every_batch_holds_k_images_of_each_of_p_classes(sizes, shape, epoch):
    labels = labels_of(sizes)
    numbers, _ = draw(labels, shape, epoch=epoch)
    for batch in labels[numbers]:
        counts = Counter(batch.tolist())
        assert len(counts) == min(shape[0], len(sizes))
        assert set(counts.values()) == {shape[1]}


@given(CLASS_SIZES, SHAPES, st.booleans())
@settings(deadline=None, max_examples=150)
def test_every_image_is_seen_and_classes_are_balanced(sizes, shape, with_parents):
    labels = labels_of(sizes)
    parents = some_parents(labels, np.random.default_rng(1)) if with_parents else None
    numbers, _ = draw(labels, shape, parents=parents)
    assert set(numbers.ravel().tolist()) == set(range(len(labels)))
    batches_of_class: Counter[int] = Counter()
    for row in labels[numbers]:
        batches_of_class.update(np.unique(row).tolist())
    assert max(batches_of_class.values()) - min(batches_of_class.values()) <= 1


@given(CLASS_SIZES, SHAPES)
@settings(deadline=None, max_examples=150)
def test_the_images_of_a_class_are_seen_equally_often_and_no_longer_than_needed(sizes, shape):
    labels = labels_of(sizes)
    numbers, _ = draw(labels, shape)
    times = Counter(numbers.ravel().tolist())
    for label in np.unique(labels):
        of_class = [times[number] for number in np.flatnonzero(labels == label)]
        assert max(of_class) - min(of_class) <= 1
    rounds = -(-max(sizes) // shape[1])
    in_batch = min(shape[0], len(sizes))
    assert len(numbers) == -(-rounds * len(sizes) // in_batch)


@given(CLASS_SIZES, SHAPES)
@settings(deadline=None, max_examples=150)
def test_no_image_repeats_in_a_batch_if_the_class_is_large_enough(sizes, shape):
    labels = labels_of(sizes)
    numbers, _ = draw(labels, shape)
    for batch in numbers:
        for number, times in Counter(batch.tolist()).items():
            size = (labels == labels[number]).sum()
            assert times <= -(-shape[1] // size)


@given(CLASS_SIZES, SHAPES, st.integers(0, 1000))
@settings(deadline=None, max_examples=200)
def test_siblings_do_not_meet_if_the_class_has_enough_originals(sizes, shape, seed):
    labels = labels_of(sizes)
    parents = some_parents(labels, np.random.default_rng(seed))
    numbers, _ = draw(labels, shape, parents=parents)
    enough = {
        label
        for label in np.unique(labels).tolist()
        if len(set(parents[labels == label])) >= shape[1]
    }
    for batch in numbers:
        kept = [number for number in batch.tolist() if labels[number] in enough]
        families = [parents[number] for number in kept]
        assert len(families) == len(set(families))


def test_one_parent_of_many_children_does_not_meet_itself():
    labels = np.repeat([0, 1], [12, 4])
    parents = np.array(["a"] * 10 + ["b", "c"] + ["d", "e", "f", "g"])
    numbers, _ = draw(labels, (2, 3), parents=parents)
    assert len(numbers) == 10
    assert set(numbers.ravel().tolist()) == set(range(16))
    for batch in numbers:
        assert sum(parents[number] == "a" for number in batch) == 1


def test_siblings_share_a_batch_if_allowed():
    labels = np.repeat([0, 1], 40)
    parents = np.array([f"{label}-{position % 8}" for position, label in enumerate(labels)])
    met = [
        max(Counter(parents[batch].tolist()).values())
        for batch in draw(labels, (2, 8), parents=parents, separate_siblings=False)[0]
    ]
    assert max(met) > 1
    separated, _ = draw(labels, (2, 8), parents=parents)
    assert all(len(set(parents[batch])) == 16 for batch in separated)


@given(CLASS_SIZES, SHAPES)
@settings(deadline=None, max_examples=50)
def test_an_epoch_follows_from_seed_and_number(sizes, shape):
    labels = labels_of(sizes)
    assume(sum(sizes) > 8)
    first, second = (draw(labels, shape, epoch=4, num_views=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], draw(labels, shape, epoch=5)[0])


def test_all_views_are_drawn_and_a_repeated_image_has_different_ones():
    labels = np.repeat([0, 1], [1, 30])
    seen = set()
    for epoch in range(5):
        numbers, views = draw(labels, (2, 4), epoch=epoch, num_views=6)
        assert views.min() >= 0
        seen |= set(views.ravel().tolist())
        for batch, drawn in zip(numbers, views, strict=True):
            assert len(set(drawn[batch == 0].tolist())) == 4
    assert seen == set(range(6))


def test_one_class_is_refused():
    with pytest.raises(ArtstyleError, match="at least two classes"):
        BalancedOrder([1, 1, 1], classes_per_batch=2, images_per_class=2, seed=0)


def test_a_large_data_set_is_drawn_in_groups_that_fit_together():
    generator = np.random.default_rng(0)
    labels = generator.choice(50, 100_000, p=np.arange(1, 51) / 1275)
    numbers, _ = draw(labels, (8, 4))
    assert len(np.unique(numbers)) == 100_000
    assert all(len(np.unique(labels[batch])) == 8 for batch in numbers[::97])


class Store:
    """Images whose pixels are their number."""

    def __len__(self):
        return 20

    def load(self, number):
        import tensorflow as tf

        return tf.fill([2, 2, 3], tf.cast(number, tf.uint8))


class Rows:
    row_shape = (2, 2, 3)

    def read(self, numbers, views):
        values = (numbers + 100 * views).astype(np.float32)
        return np.broadcast_to(values[:, None, None, None], (len(numbers), 2, 2, 3)).copy()


def test_images_and_cached_rows_come_in_the_order_that_was_drawn():
    labels = np.arange(20) % 3
    order = BalancedOrder(labels, classes_per_batch=2, images_per_class=4, seed=1, num_views=2)

    def make_view(image, number, view):
        return image + np.uint8(100 * view)

    plain = training_batches(
        Store(), labels, order, first_epoch=1, augment=make_view, augments_by_view=True
    )
    cached = cached_training_batches(Rows(), labels, order, first_epoch=1)
    expected = [pair for epoch in (1, 2) for pair in zip(*order.draw(epoch), strict=True)]
    assert len(expected) == 2 * order.steps_per_epoch
    for (numbers, views), one, other in itertools.zip_longest(
        expected, plain.take(len(expected)), cached.take(len(expected))
    ):
        values = numbers + 100 * views
        np.testing.assert_array_equal(np.asarray(one[0])[:, 0, 0, 0], values)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], labels[numbers])
        np.testing.assert_array_equal(other[1], labels[numbers])
