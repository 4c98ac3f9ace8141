from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from artstyle_tf.images.batches.batches import evaluation_batches, steps_per_epoch, training_batches
from artstyle_tf.images.batches.epoch_order import ShuffledOrder
from artstyle_tf.images.batches.image_store import ImageStore, errors_of_reading
from artstyle_tf.system.errors import ArtstyleError


@pytest.fixture
def paths(tmp_path):
    """Write ten images, each filled with its number times ten."""
    files = []
    for number in range(10):
        file = tmp_path / f"{number} ö.png"
        Image.new("RGB", (12, 8), (number * 10,) * 3).save(file)
        files.append(file)
    return files


def numbers_in(images):
    return [int(value) // 10 for value in np.asarray(images)[:, 0, 0, 0]]


def store_of(paths, *, in_memory=True):
    store = ImageStore(paths, image_size_px=8)
    store.keep_in_memory(budget_mb=1 if in_memory else 0)
    return store


def read_all(store, *, in_memory):
    with errors_of_reading():
        store.keep_in_memory(budget_mb=1 if in_memory else 0)
        for _ in evaluation_batches(store, np.arange(len(store)), batch_size=4):
            pass


def take_epochs(store, count, *, seed=3, **options):
    order = ShuffledOrder(10, batch_size=4, seed=seed)
    batches = training_batches(store, np.arange(10), order, **options)
    steps = order.steps_per_epoch
    taken = list(batches.take(count * steps))
    epochs = [taken[epoch * steps : (epoch + 1) * steps] for epoch in range(count)]
    return [[(numbers_in(p), labels.numpy().tolist()) for p, labels in epoch] for epoch in epochs]


def order_of(epoch):
    return [number for numbers, _ in epoch for number in numbers]


@pytest.mark.parametrize("in_memory", [True, False])
def test_every_epoch_holds_every_image_once_with_its_label(paths, in_memory):
    store = store_of(paths, in_memory=in_memory)
    assert store.is_in_memory is in_memory
    for epoch in take_epochs(store, 3):
        assert sorted(order_of(epoch)) == list(range(10))
        assert all(numbers == labels for numbers, labels in epoch)
        assert [len(numbers) for numbers, _ in epoch] == [4, 4, 2]


def test_orders_differ_between_epochs_and_seeds_but_not_between_runs(paths):
    store = store_of(paths)
    first = [order_of(epoch) for epoch in take_epochs(store, 3)]
    assert first == [order_of(epoch) for epoch in take_epochs(store, 3)]
    assert len({tuple(order) for order in first}) == 3
    assert first != [order_of(epoch) for epoch in take_epochs(store, 3, seed=4)]


def test_a_later_first_epoch_continues_the_same_sequence(paths):
    store = store_of(paths)
    assert take_epochs(store, 3)[2] == take_epochs(store, 1, first_epoch=2)[0]


def test_augmentation_depends_on_the_image_and_the_epoch(paths):
    def augment(image, number, epoch):
        assert image.dtype == np.uint8
        assert int(image[0, 0, 0]) == 10 * number
        return np.full_like(image, 10 * (number + epoch))

    store = store_of(paths)
    for epoch, batches in enumerate(take_epochs(store, 2, augment=augment)):
        for numbers, labels in batches:
            assert numbers == [label + epoch for label in labels]


def test_evaluation_keeps_the_order(paths):
    batches = list(evaluation_batches(store_of(paths), np.arange(10), batch_size=3))
    assert [number for images, _ in batches for number in numbers_in(images)] == list(range(10))
    images, labels = batches[0]
    assert str(images.dtype) == "<dtype: 'float32'>"
    assert str(labels.dtype) == "<dtype: 'int32'>"


def test_memory_and_disk_give_the_same_pixels(tmp_path):
    generator = np.random.default_rng(0)
    file = tmp_path / "noise.jpg"
    Image.fromarray(generator.integers(0, 255, (50, 70, 3), np.uint8)).save(file)
    kept, read = (store_of([file], in_memory=choice) for choice in (True, False))
    np.testing.assert_array_equal(kept.load(0), read.load(0))


def test_images_over_the_budget_are_not_kept(paths):
    store = ImageStore(paths, image_size_px=400)
    for budget_mb, is_in_memory in ((4, False), (5, True)):
        store.keep_in_memory(budget_mb=budget_mb)
        assert store.is_in_memory is is_in_memory


def test_an_image_that_vanished_is_named(paths):
    paths[3].unlink()
    with pytest.raises(ArtstyleError, match=r"3 ö\.png"):
        store_of(paths)


@pytest.mark.parametrize("in_memory", [True, False])
def test_an_image_that_was_replaced_meanwhile_is_not_used(paths, in_memory):
    """Training continued with the new pixels, and cached them under the old digest."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    store = ImageStore(paths, image_size_px=8, digests=digests)
    assert int(store.load(3)[0, 0, 0]) == 30
    Image.new("RGB", (8, 8), (99,) * 3).save(paths[3])
    with pytest.raises(ArtstyleError, match=r"has changed while it was used.*3 ö\.png"):
        read_all(store, in_memory=in_memory)


def test_an_image_that_cannot_be_decoded_is_named(paths):
    paths[3].write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    with pytest.raises(ArtstyleError, match=r"3 ö\.png cannot be used"):
        store_of(paths)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 512))
def test_steps_cover_every_example_without_an_empty_batch(num_examples, batch_size):
    steps = steps_per_epoch(num_examples, batch_size)
    assert (steps - 1) * batch_size < num_examples <= steps * batch_size
