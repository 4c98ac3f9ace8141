from __future__ import annotations

import keras
import numpy as np
import pytest

from artstyle_tf.models.features import build_style_features
from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.style_head import principal_projection
from artstyle_tf.models.style_layer import StyleHead

BLOCKS = ["block1a", "block2b"]


def pixels(count=5, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (count, 16, 16, 3)).astype("float32")


def maps(count=4, *, size=5, channels=6, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, size, size, channels)).astype("float32")


def with_style_head(backbone, **options):
    blocks = [backbone.model.get_layer(f"{name}_add").output for name in BLOCKS]
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.model.output)
    outputs = StyleHead(3, width=4, name="style", **options)([pooled, *blocks])
    return keras.Model(backbone.model.input, outputs)


def test_it_is_the_head_of_a_run(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=BLOCKS, width=4)
    run = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1, features=features)
    model = with_style_head(backbone)
    layer = model.get_layer("style")
    for pooling, other in zip(layer.poolings[1:], features.style_poolings, strict=True):
        pooling.projection.assign(other.projection)
    layer.dense.set_weights(run.head.get_weights())
    np.testing.assert_array_equal(model(pixels()), run.model(pixels()))


def test_a_saved_model_loads_and_predicts_the_same(tiny_backbone, tmp_path):
    model = with_style_head(tiny_backbone(), dropout=0.3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(pixels()), model(pixels()))
    config = loaded.get_layer("style").get_config()
    assert {key: config[key] for key in ("units", "width", "dropout")} == {
        "units": 3,
        "width": 4,
        "dropout": 0.3,
    }


def test_a_sequential_model_learns_by_it():
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(6, 3), StyleHead(2, width=3, dropout=0.1)]
    )
    before = [np.array(weight) for weight in model.trainable_weights]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(maps(8, size=8, channels=3), np.arange(8) % 2, epochs=1, verbose=0)
    shapes = sorted(tuple(weight.shape) for weight in model.trainable_weights)
    assert shapes == [(2,), (3, 3, 3, 6), (6,), (6, 2), (6, 3)]
    assert all(
        np.abs(np.array(weight) - old).max() > 0
        for weight, old in zip(model.trainable_weights, before, strict=True)
    )


def test_without_units_it_gives_the_features():
    inputs = [keras.Input((5, 5, 6)), keras.Input((7,)), keras.Input((5, 5, 2))]
    layer = StyleHead(width=3)
    assert layer(inputs).shape == (None, 6 + 7 + 3)
    vector = np.ones((4, 7), "float32")
    found = np.asarray(layer([maps(), vector, maps(channels=2)]))
    assert found.shape == (4, 16)
    np.testing.assert_array_equal(found[:, 6:13], vector)


def test_height_and_width_need_not_be_fixed():
    inputs = keras.Input((None, None, 6))
    layer = StyleHead(2, width=3)
    model = keras.Model(inputs, layer(inputs))
    for size in (3, 9):
        found = model.predict(maps(size=size), verbose=0)
        fixed = keras.Input((size, size, 6))
        expected = keras.Model(fixed, layer(fixed)).predict(maps(size=size), verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_adapt_sets_the_projections_that_a_run_starts_from():
    layer = StyleHead(width=3)
    images = maps(20)
    layer.adapt([images, np.ones((20, 4), "float32")])
    flat = images.reshape(20, 25, 6)
    moments = np.mean([one.T @ one / 25 for one in flat], axis=0)
    expected = principal_projection(moments[np.triu_indices(6)], width=3)
    assert layer.poolings[0] is not None
    np.testing.assert_allclose(layer.poolings[0].projection, expected, atol=1e-4)
    assert layer.poolings[1] is None


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="units=0"):
        StyleHead(0)
    with pytest.raises(ValueError, match="width=0"):
        StyleHead(2, width=0)
    with pytest.raises(ValueError, match=r"\[B, H, W, C\] or vectors \[B, D\]"):
        StyleHead(2)(np.zeros((2, 3, 4), "float32"))
