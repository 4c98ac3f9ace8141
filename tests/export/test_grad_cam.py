from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import build_style_features
from artstyle_tf.models.network import build_classifier
from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.prediction.grad_cam import GradCam

IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)


def build(tiny_backbone, head):
    backbone = tiny_backbone()
    features = None
    if head == "style":
        features = build_style_features(backbone, blocks=["block1a", "block2a"], width=4)
    return build_classifier(backbone, num_classes=3, dropout=0.2, seed=1, features=features)


def test_on_a_pooled_top_it_is_grad_cam(tiny_backbone):
    classifier = build(tiny_backbone, "pooled")
    directions = np.eye(3, dtype=np.float32)
    heat = GradCam(classifier.model).heat_maps(IMAGES, directions)
    top = classifier.backbone.model(IMAGES, training=False).numpy()
    # Of a mean, the gradient is the head's kernel over the number of positions.
    expected = np.einsum("bhwc,cb->bhw", top, classifier.head.kernel.numpy())
    expected = np.maximum(tf.image.resize(expected[..., None], [16, 16]).numpy()[..., 0], 0)
    assert heat.shape == (3, 16, 16)
    for found, wanted in zip(heat, expected, strict=True):
        if wanted.max() > 0:
            assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.9
        else:
            assert not found.any()


def test_paths_through_the_style_count_and_none_counts_twice(tiny_backbone):
    """The direct contributions of all maps to a score add up to the output of the head."""
    classifier = build(tiny_backbone, "style")
    grad_cam = GradCam(classifier.model)
    assert len(grad_cam._to_maps.outputs) == 3
    maps = [np.asarray(each) for each in grad_cam._to_maps(IMAGES)]
    direct = np.asarray(grad_cam._to_outputs(maps))
    np.testing.assert_allclose(direct, classifier.model(IMAGES, training=False), atol=1e-4)
    # Each map goes through its own branch and nothing else: if the blocks above were also used, a
    # style map that changes would change the pooled top, too.
    moved = [maps[0], np.square(maps[1]), maps[2]]
    parts = [moved[0].mean(axis=(1, 2))]
    for branch, block in zip(classifier.features.branches, moved[1:], strict=True):
        moments = classifier.model.get_layer(f"{branch.block}_moments")(block)
        parts.append(np.asarray(branch.pooling(moments)))
    expected = classifier.head(np.concatenate(parts, axis=1))
    found = np.asarray(grad_cam._to_outputs(moved))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not np.allclose(found, direct)


def test_a_style_block_that_is_the_top_is_one_map():
    backbone = build_backbone("compact", image_size_px=32, weights=None)
    features = build_style_features(backbone, blocks=[backbone.blocks[-1].name], width=4)
    model = build_classifier(backbone, num_classes=3, dropout=0.0, seed=1, features=features).model
    grad_cam = GradCam(model)
    (the_map,) = grad_cam._to_maps.outputs
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    found = grad_cam._to_outputs(grad_cam._to_maps(images))
    np.testing.assert_allclose(found, model(images, training=False), atol=1e-4)
    assert grad_cam.heat_maps(images, np.eye(3, dtype=np.float32)[:2]).max() == 1
    assert the_map.shape[-1] > 1


@pytest.mark.parametrize("head", ["pooled", "style"])
def test_heat_is_between_0_and_1_and_zero_without_evidence(tiny_backbone, head):
    grad_cam = GradCam(build(tiny_backbone, head).model)
    heat = grad_cam.heat_maps(IMAGES, np.ones((3, 3), np.float32))
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() <= 1
    assert not grad_cam.heat_maps(IMAGES, np.zeros((3, 3), np.float32)).any()
    assert np.isfinite(grad_cam.heat_maps(np.zeros_like(IMAGES), np.eye(3, dtype="f"))).all()


def test_an_overlay_is_gray_where_nothing_is_hot():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    heat = np.zeros((4, 6))
    heat[0, 0] = 1
    shown = overlay_heat(image, heat)
    assert shown.dtype == np.uint8
    assert (shown[1:] == shown[1:, :, :1]).all()
    assert shown[0, 0].std() > 0
