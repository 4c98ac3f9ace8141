from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from artstyle_tf.images.batches.batches import (
    cached_evaluation_batches,
    cached_training_batches,
    evaluation_batches,
    training_batches,
)
from artstyle_tf.images.batches.epoch_order import ShuffledOrder
from artstyle_tf.images.batches.image_store import ImageStore, view_batches

LABELS = np.arange(4)
ORDER = ShuffledOrder(4, batch_size=2, seed=1)


class Rows:
    row_shape = (3,)

    def read(self, numbers, views):
        return np.zeros((len(numbers), 3), np.float32)


@pytest.fixture
def store(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for file in files:
        Image.new("RGB", (8, 8)).save(file)
    return ImageStore(files, image_size_px=8)


def view_of(image, number, view):
    return image


PIPELINES = {
    "training images": lambda store: next(iter(training_batches(store, LABELS, ORDER))),
    "cached training": lambda store: next(iter(cached_training_batches(Rows(), LABELS, ORDER))),
    "evaluated images": lambda store: list(evaluation_batches(store, LABELS, batch_size=2)),
    "cached evaluated": lambda store: list(cached_evaluation_batches(Rows(), LABELS, batch_size=2)),
    "views": lambda store: list(
        view_batches(store, LABELS, np.zeros(4, int), make_view=view_of, batch_size=2)
    ),
    "images in memory": lambda store: store.keep_in_memory(budget_mb=1),
}


@pytest.mark.parametrize("read", PIPELINES.values(), ids=PIPELINES)
def test_pipelines_do_not_autotune(read, store, monkeypatch):
    seen = []
    begin = tf.data.Dataset.__iter__

    def watched(dataset):
        seen.append((dataset.options().autotune.enabled, dataset.options().deterministic))
        return begin(dataset)

    monkeypatch.setattr(tf.data.Dataset, "__iter__", watched)
    read(store)
    assert seen == [(False, True)]


@pytest.mark.parametrize("name", ["cached training", "cached evaluated"])
def test_autograph_does_not_convert_pipelines_of_rows(name):
    before = set(sys.modules)
    PIPELINES[name](None)
    assert not [new for new in set(sys.modules) - before if "autograph_generated" in new]
