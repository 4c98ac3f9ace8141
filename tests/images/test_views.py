from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.images.batches import augmentation
from artstyle_tf.images.batches.batches import (
    cached_evaluation_batches,
    cached_training_batches,
    evaluation_batches,
    training_batches,
)
from artstyle_tf.images.batches.epoch_order import ShuffledOrder
from artstyle_tf.images.batches.image_store import ImageStore, view_batches
from artstyle_tf.images.batches.views import NO_VIEWS, make_view, view_name
from artstyle_tf.images.settings import ViewsConfig
from artstyle_tf.system.errors import ArtstyleError

VIEWS = ViewsConfig(num_views=4, policy="gentle", seed=3)
LABELS = np.arange(10) % 3


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 255, (16, 16, 3), np.uint8)


@pytest.fixture
def store(tmp_path):
    files = []
    for number in range(10):
        file = tmp_path / f"{number}.png"
        Image.fromarray(noise(number)).save(file)
        files.append(file)
    return ImageStore(files, image_size_px=16)


def make_one_view(image, number, view):
    return make_view(VIEWS, image, f"digest {number}", view)


def test_view_0_is_the_image_and_the_others_are_fixed():
    image = noise()
    views = [make_view(VIEWS, image, "digest", view) for view in range(4)]
    np.testing.assert_array_equal(views[0], image)
    assert len({view.tobytes() for view in views}) == 4
    for view, again in enumerate(views):
        np.testing.assert_array_equal(make_view(VIEWS, image, "digest", view), again)


def test_views_follow_from_the_image_and_the_seed():
    image = noise()
    view = make_view(VIEWS, image, "digest", 1)
    assert not np.array_equal(view, make_view(VIEWS, image, "another digest", 1))
    assert not np.array_equal(
        view, make_view(VIEWS.model_copy(update={"seed": 4}), image, "digest", 1)
    )


def test_a_view_has_another_key_if_its_pixels_may_differ(monkeypatch):
    assert view_name(NO_VIEWS, 0) == view_name(VIEWS, 0) == "plain"
    names = {
        view_name(VIEWS, 1),
        view_name(VIEWS, 2),
        view_name(ViewsConfig(policy="strong", seed=3), 1),
        view_name(ViewsConfig(policy="gentle"), 1),
    }
    assert len(names) == 4
    monkeypatch.setitem(augmentation.POLICIES, "gentle", augmentation._strong)
    assert view_name(VIEWS, 1) not in names


@pytest.mark.parametrize("in_memory", [True, False])
def test_views_come_in_the_requested_order(store, in_memory):
    if in_memory:
        store.keep_in_memory(budget_mb=1)
    numbers, views = np.array([7, 2, 2, 2, 5, 7]), np.array([1, 0, 3, 1, 0, 2])
    batches = list(view_batches(store, numbers, views, make_view=make_one_view, batch_size=4))
    assert [len(batch) for batch in batches] == [4, 2]
    assert batches[0].dtype == np.float32
    expected = [make_one_view(noise(n), n, v) for n, v in zip(numbers, views, strict=True)]
    np.testing.assert_array_equal(np.concatenate(batches), expected)


def test_an_image_is_decoded_once_for_all_its_views(store, monkeypatch):
    asked = []

    def make_one(image, number, view):
        asked.append((number, view))
        return image

    decoded = []
    load = ImageStore.load
    monkeypatch.setattr(
        ImageStore, "load", lambda self, number: decoded.append(number) or load(self, number)
    )
    numbers, views = np.repeat(np.arange(10), 4), np.tile(np.arange(4), 10)
    list(view_batches(store, numbers, views, make_view=make_one, batch_size=8))
    assert sorted(asked) == [(n, v) for n in range(10) for v in range(4)]
    assert len(decoded) == 1  # traced once, with one decoding for a stack of views


def test_an_image_that_vanished_is_named(store, tmp_path):
    (tmp_path / "3.png").unlink()
    batches = view_batches(
        store, np.arange(10), np.zeros(10), make_view=make_one_view, batch_size=4
    )
    with pytest.raises(ArtstyleError, match=r"3\.png"):
        list(batches)


class ImageRows:
    """Pixels with the interface of cached activations."""

    row_shape = (16, 16, 3)

    def read(self, numbers, views):
        pairs = zip(numbers, views, strict=True)
        return np.stack([make_one_view(noise(n), n, v) for n, v in pairs]).astype(np.float32)


@pytest.mark.parametrize("first_epoch", [0, 2])
def test_cached_batches_are_the_batches_of_plain_training(store, first_epoch):
    order = ShuffledOrder(10, batch_size=4, seed=5, num_views=4)
    plain = training_batches(
        store, LABELS, order, first_epoch=first_epoch, augment=make_one_view, augments_by_view=True
    )
    cached = cached_training_batches(ImageRows(), LABELS, order, first_epoch=first_epoch)
    count = 3 * order.steps_per_epoch
    for one, other in zip(plain.take(count), cached.take(count), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_cached_evaluation_sees_the_plain_images_in_order(store):
    plain = evaluation_batches(store, LABELS, batch_size=4)
    cached = cached_evaluation_batches(ImageRows(), LABELS, batch_size=4)
    for one, other in zip(plain, cached, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_every_view_is_drawn_and_differently_in_each_epoch():
    drawn = []

    class Spy(ImageRows):
        def read(self, numbers, views):
            drawn.append(dict(zip(numbers.tolist(), views.tolist(), strict=True)))
            return super().read(numbers, views)

    order = ShuffledOrder(10, batch_size=10, seed=1, num_views=4)
    batches = cached_training_batches(Spy(), LABELS, order)
    list(batches.take(80))
    epochs = drawn[:80]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(sorted(epoch.items())) for epoch in epochs}) == 80
    for number in range(10):
        assert {epoch[number] for epoch in epochs} == {0, 1, 2, 3}


def test_the_order_of_images_and_their_views_are_independent():
    """Both are drawn from the seed and the epoch, and must not be drawn from the same numbers."""
    positions = []

    class Spy(ImageRows):
        def read(self, numbers, views):
            positions.append(np.flatnonzero(views == 3).mean())
            return super().read(numbers, views)

    order = ShuffledOrder(10, batch_size=10, seed=1, num_views=4)
    list(cached_training_batches(Spy(), LABELS, order).take(60))
    assert np.nanmean(positions) == pytest.approx(4.5, abs=0.8)
