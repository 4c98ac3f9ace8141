"""Pretraining of the compact network: its images, and what the weights in the package learned."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from artstyle_tf.heads.estimators import RidgeHead
from artstyle_tf.models.backbone import build_backbone

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def procedural_images(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import procedural_images

    return procedural_images


def test_an_image_follows_from_its_seed_and_every_value_is_drawn(procedural_images):
    pixels, values = procedural_images.draw(7, side_px=32)
    again, same_values = procedural_images.draw(7, side_px=32)
    np.testing.assert_array_equal(pixels, again)
    np.testing.assert_array_equal(values, same_values)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    all_values = np.stack([procedural_images.draw(seed, side_px=16)[1] for seed in range(80)])
    counts = [len(names) for names in procedural_images.FACTORS.values()]
    assert [len(np.unique(column)) for column in all_values.T] == counts


def test_demo_weights_predict_factors_of_new_images(procedural_images):
    drawn = [procedural_images.draw(1_000_000 + number, side_px=64) for number in range(240)]
    images = np.stack([pixels for pixels, _ in drawn]).astype(np.float32)
    surface = np.array([values[3] for _, values in drawn])
    accuracy = {}
    for weights in ("demo", None):
        network = build_backbone("compact", image_size_px=64, weights=weights).model
        features = np.concatenate(
            [np.asarray(network(images[i : i + 48], training=False)) for i in range(0, 240, 48)]
        ).mean(axis=(1, 2))
        head = RidgeHead().fit(features[:160], surface[:160])
        accuracy[weights] = (head.predict(features[160:]) == surface[160:]).mean()
    assert accuracy["demo"] > 0.5  # 1/6 by chance
    assert accuracy["demo"] > accuracy[None] + 0.1


def test_pretraining_writes_weights_in_half_precision(
    procedural_images, tmp_path, monkeypatch, without_graphs
):
    del procedural_images  # only for the path of its module
    file = tmp_path / "tiny.weights.h5"
    options = ["--images", "64", "--epochs", "1", "--output", str(file)]
    monkeypatch.setattr(sys, "argv", ["pretrain_compact.py", *options])
    runpy.run_path(str(BENCHMARKS / "pretrain_compact.py"), run_name="__main__")
    dtypes = set()

    def collect(name, item):
        del name
        if isinstance(item, h5py.Dataset):
            dtypes.add(item.dtype)

    with h5py.File(file) as content:
        content.visititems(collect)
    assert dtypes == {np.dtype(np.float16)}
    build_backbone("compact", image_size_px=32, weights=str(file))
