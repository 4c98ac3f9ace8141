from __future__ import annotations

import doctest
from collections import Counter

import keras
import numpy as np
import pytest

from artstyle_tf.images.batches import pk_sampler
from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.batches.pk_sampler import PKSampler
from artstyle_tf.losses.triplet_losses import SemiHardTripletLoss
from artstyle_tf.system.errors import ArtstyleError

STYLES = np.repeat(["Cubism", "Rococo", "cartoon", "ArtDeco"], [9, 5, 4, 7])


def sampler(labels=STYLES, **options):
    return PKSampler(labels, **{"classes_per_batch": 3, "images_per_class": 2, **options})


def test_every_batch_holds_k_images_of_p_classes_and_an_epoch_every_image():
    batches = list(sampler())
    assert len(batches) == len(sampler())
    for batch in batches:
        assert batch.dtype == np.int32
        assert sorted(Counter(STYLES[batch]).values()) == [2, 2, 2]
    assert set(np.concatenate(batches)) == set(range(25))


def test_they_are_the_batches_of_a_run():
    ids = np.unique(STYLES, return_inverse=True)[1]
    order = BalancedOrder(ids, classes_per_batch=3, images_per_class=2, seed=5)
    found = sampler(seed=5)
    for epoch in range(3):
        np.testing.assert_array_equal(np.stack(list(found)), order.draw(epoch)[0])


def test_an_epoch_follows_from_seed_and_number():
    first = sampler()
    epochs = [np.stack(list(first)) for _ in range(3)]
    assert not np.array_equal(epochs[0], epochs[1])  # the next iteration is another epoch
    resumed = sampler()
    resumed.set_epoch(2)
    np.testing.assert_array_equal(np.stack(list(resumed)), epochs[2])
    assert resumed.epoch == 3
    assert not np.array_equal(np.stack(list(sampler(seed=1))), epochs[0])


def test_images_of_a_group_do_not_meet():
    groups = np.array([f"artist {number // 2}" for number in range(25)])
    for _ in range(5):
        for batch in sampler(groups=groups):
            assert len(set(zip(STYLES[batch], groups[batch], strict=True))) == 6


def test_a_plain_keras_model_learns_from_it():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(25, 4)).astype("float32")
    rows[:, 0] += 3 * np.unique(STYLES, return_inverse=True)[1]
    ids = np.unique(STYLES, return_inverse=True)[1]
    pairs = sampler()

    def batches():
        while True:
            for index in pairs:
                yield rows[index], ids[index]

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.05), SemiHardTripletLoss(0.5))
    history = model.fit(batches(), steps_per_epoch=len(pairs), epochs=8, shuffle=False, verbose=0)
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes_per_batch": 1}, "classes_per_batch=1.*at least 2"),
        ({"images_per_class": 1}, "images_per_class=1.*at least 2"),
        ({"images_per_class": 2.5}, r"images_per_class=2\.5.*whole number"),
        ({"labels": ["Cubism"] * 5}, "at least two classes"),
        ({"labels": []}, "at least two classes"),
        ({"labels": [["Cubism"], ["Rococo"]]}, r"shape \(2, 1\)"),
        ({"groups": ["ann"] * 3}, r"shape \(25,\) and 3 groups"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ArtstyleError, match=message):
        sampler(**options)


def test_a_bad_epoch_is_named():
    with pytest.raises(ArtstyleError, match="epoch=-1"):
        sampler().set_epoch(-1)


def test_the_examples_in_the_docstring_run():
    assert doctest.testmod(pk_sampler).failed == 0
