from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.block_choice import choose_style_blocks
from artstyle_tf.models.features import build_pooled_features, build_style_features
from artstyle_tf.models.network import build_classifier, copy_backbone_weights
from artstyle_tf.models.style_head import (
    SecondMoments,
    StylePooling,
    channels_of_moments,
    principal_projection,
)
from artstyle_tf.system.errors import ArtstyleError


def some_maps(count=3, *, size=5, channels=6, seed=0):
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(channels, channels))
    return (generator.normal(size=(count, size, size, channels)) @ mixing).astype("float32")


def symmetric(triangle, size):
    matrix = np.zeros((size, size))
    rows, columns = np.triu_indices(size)
    matrix[rows, columns] = matrix[columns, rows] = triangle
    return matrix


def test_second_moments_are_those_of_numpy():
    maps = some_maps()
    found = np.asarray(SecondMoments()(maps))
    assert found.shape == (3, 21)
    for one, image in zip(found, maps.reshape(3, 25, 6), strict=True):
        np.testing.assert_allclose(symmetric(one, 6), image.T @ image / 25, rtol=1e-4)


def test_projecting_the_moments_is_a_one_by_one_convolution_before_them():
    maps = some_maps()
    pooling = StylePooling(4)
    moments = SecondMoments()(maps)
    expected = pooling(moments)
    convolution = keras.layers.Conv2D(4, 1, use_bias=False)
    convolution.build(maps.shape)
    convolution.kernel.assign(np.asarray(pooling.projection)[None, None])
    unprojected = StylePooling(4)
    projected = SecondMoments()(convolution(maps))
    unprojected.build(projected.shape)
    unprojected.projection.assign(np.eye(4))
    np.testing.assert_allclose(unprojected(projected), expected, rtol=1e-4, atol=1e-5)


def test_the_root_is_that_of_scipy():
    # Well conditioned, so that five iterations are enough.
    maps = np.random.default_rng(0).normal(size=(2, 12, 12, 4)).astype("float32")
    pooling = StylePooling(4)
    moments = np.asarray(SecondMoments()(maps))
    found = np.asarray(pooling(moments))
    rows, columns = np.triu_indices(4)
    weights = np.where(rows == columns, 1, np.sqrt(2))
    projection = np.asarray(pooling.projection)
    for one, triangle in zip(found, moments, strict=True):
        projected = projection.T @ symmetric(triangle, 4) @ projection
        root = scipy.linalg.sqrtm(projected / np.trace(projected))
        np.testing.assert_allclose(one, root[rows, columns] * weights, atol=2e-3)
        assert np.linalg.norm(one) == pytest.approx(1.0, abs=5e-3)


def test_brightness_of_the_channels_does_not_count():
    maps = some_maps()
    moments, pooling = SecondMoments(), StylePooling(3)
    once, thrice = pooling(moments(maps)), pooling(moments(3 * maps))
    np.testing.assert_allclose(once, thrice, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fill", [0.0, 1.0, -250.0])
def test_gradients_are_finite_for_an_image_of_one_color(fill):
    import tensorflow as tf

    maps = tf.Variable(np.full((2, 4, 4, 5), fill, "float32"))
    moments, pooling = SecondMoments(), StylePooling(3)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(pooling(moments(maps)) * tf.range(1.0, 7.0))
    gradients = tape.gradient(value, [maps, pooling.projection.value])
    assert np.isfinite(value)
    assert all(np.isfinite(np.asarray(gradient)).all() for gradient in gradients)


@settings(max_examples=20, deadline=None)
@given(channels=st.integers(1, 9), width=st.integers(1, 12))
def test_sizes_follow_from_the_layer_alone(channels, width):
    moments = SecondMoments()
    pooling = StylePooling(width)
    maps = some_maps(2, channels=channels)
    found = pooling(moments(maps))
    used = min(width, channels)
    assert found.shape == (2, used * (used + 1) // 2)
    symbolic = pooling(moments(keras.Input((5, 5, channels))))
    assert symbolic.shape == (None, *found.shape[1:])
    assert channels_of_moments(channels * (channels + 1) // 2) == channels


def test_the_principal_projection_has_the_directions_with_most_energy():
    generator = np.random.default_rng(0)
    basis, _ = np.linalg.qr(generator.normal(size=(6, 6)))
    energy = np.array([9.0, 5.0, 2.0, 1.0, 0.5, 0.1])
    moments = (basis * energy) @ basis.T
    found = principal_projection(moments[np.triu_indices(6)], width=3)
    assert found.shape == (6, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found.T @ basis[:, :3]), np.eye(3), atol=1e-5)
    wider = principal_projection(moments[np.triu_indices(6)], width=99)
    np.testing.assert_allclose(wider.T @ wider, np.eye(6), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("efficientnet_b0", ["block4c", "block5c", "block6d"]),
        ("efficientnet_v2_b0", ["block4c", "block5e", "block6d", "block6h"]),
        ("compact", ["block1b", "block2b", "block3b"]),
    ],
)
def test_the_default_blocks(name, expected):
    assert choose_style_blocks(build_backbone(name, image_size_px=32, weights=None), None) == (
        expected
    )


def test_blocks_come_in_their_order_and_unknown_ones_are_named(tiny_backbone):
    backbone = tiny_backbone()
    assert choose_style_blocks(backbone, ["block2b", "block1a"]) == ["block1a", "block2b"]
    with pytest.raises(ArtstyleError, match=r"blocks: block9z(.|\n)*block1a, block2a, block2b"):
        choose_style_blocks(backbone, ["block1a", "block9z"])


def test_features_are_the_pooled_top_and_the_style_of_each_block(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a", "block2b"], width=3)
    assert features.groups == ((12, False, "top"), (6, True, "block1a"), (6, True, "block2b"))
    assert features.tensor.shape == (None, 24)
    assert [branch.num_blocks_above for branch in features.branches] == [2, 0]
    assert build_pooled_features(backbone).groups == ((12, False, ""),)


def test_a_saved_classifier_with_a_style_head_predicts_the_same(tiny_backbone, tmp_path):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a", "block2b"], width=3)
    classifier = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1, features=features)
    images = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 3)).astype("float32")
    classifier.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(loaded(images), classifier.model(images))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="width=0"):
        StylePooling(0)
    with pytest.raises(ValueError, match=r"feature map \[B, H, W, C\]"):
        SecondMoments()(np.zeros((2, 3), "float32"))


def test_the_backbone_of_a_classifier_with_a_style_head_can_be_copied(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a", "block2b"], width=3)
    trained = build_classifier(backbone, num_classes=3, dropout=0.0, seed=1, features=features)
    for weight in backbone.model.trainable_weights:
        weight.assign_add(np.full(weight.shape, 0.25, "float32"))
    other = tiny_backbone()
    copy_backbone_weights(trained.model, other, origin="a run")
    for weight, expected in zip(other.model.weights, backbone.model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
