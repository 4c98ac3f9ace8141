from __future__ import annotations

import keras
import numpy as np
import pytest

from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import build_style_features
from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import (
    boundary_name,
    branch_statistics,
    build_features,
    build_segment,
    build_top,
    build_trunk,
    cut_name,
)
from artstyle_tf.system.errors import ArtstyleError


def classifier_of(backbone):
    return build_classifier(backbone, num_classes=3, dropout=0.2, seed=1)


def some_images(backbone, count=2):
    generator = np.random.default_rng(0)
    shape = (count, *backbone.model.input_shape[1:])
    return generator.uniform(0, 255, shape).astype(np.float32)


def test_blocks_are_found_in_order_with_the_layer_that_leaves_them(tiny_backbone):
    blocks = tiny_backbone().blocks
    assert [block.name for block in blocks] == ["block1a", "block2a", "block2b"]
    assert [block.boundary for block in blocks] == ["block1a_add", "block2a_add", "block2b_add"]


def test_depth_counts_blocks_from_the_output(tiny_backbone):
    backbone = tiny_backbone()
    depths = backbone.layer_depths
    assert depths["top_conv"] == depths["top_activation"] == 0
    assert depths["block2b_conv"] == depths["block2b_add"] == 1
    assert depths["block1a_bn"] == 3
    assert depths["stem_conv"] == depths["rescaling"] == 4


@pytest.mark.parametrize(
    ("name", "num_blocks", "last"),
    [("efficientnet_b0", 16, "block7a"), ("efficientnet_v2_b0", 21, "block6h")],
)
def test_efficientnets_have_their_published_number_of_blocks(name, num_blocks, last):
    backbone = build_backbone(name, image_size_px=32, weights=None)
    assert len(backbone.blocks) == num_blocks
    assert backbone.blocks[-1].name == last
    depths = backbone.layer_depths
    assert [layer for layer, depth in depths.items() if depth == 0] == [
        "top_conv",
        "top_bn",
        "top_activation",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "compact",
        pytest.param("efficientnet_b0", marks=pytest.mark.reliability),
        "efficientnet_v2_b0",  # has the kinds of blocks of both families
    ],
)
def test_trunk_and_top_together_are_the_classifier_at_every_boundary(name):
    classifier = classifier_of(build_backbone(name, image_size_px=32, weights=None))
    images = some_images(classifier.backbone)
    expected = classifier.model(images)
    boundaries = list(range(len(classifier.backbone.blocks)))
    activations = build_trunk(classifier, boundaries)(images)  # of all boundaries at once
    assert len(activations) == len(boundaries)
    for boundary, rows in zip(boundaries, activations, strict=True):
        output = build_top(classifier, boundary)(rows)
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["compact", pytest.param("efficientnet_v2_b0", marks=pytest.mark.reliability)]
)
def test_second_moments_cross_the_boundaries_above_their_block(name):
    backbone = build_backbone(name, image_size_px=32, weights=None)
    features = build_style_features(backbone, blocks=None, width=5)
    classifier = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1, features=features)
    images = some_images(backbone)
    expected = classifier.model(images)
    boundaries = list(range(len(backbone.blocks)))
    activations = build_trunk(classifier, boundaries)(images)
    for boundary, rows in zip(boundaries, activations, strict=True):
        output = build_top(classifier, boundary)(rows)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
        to_head = build_segment(classifier, boundary, 0)(rows) if boundary else rows
        np.testing.assert_allclose(to_head, activations[0], rtol=1e-4, atol=1e-4)
    read = build_features(classifier)(activations[0])
    assert read.shape[1] == sum(group.size for group in features.groups)


def test_the_tensors_at_a_boundary_have_a_name(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a", "block2b"], width=3)
    styled = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1, features=features)
    names = [cut_name(styled, boundary) for boundary in (0, 1, 2)]
    # At block1a its map crosses, from which its moments follow.
    assert names == [
        "pooled+block1a_moments+block2b_moments",
        "block2a_add+block1a_moments",
        "block1a_add",
    ]
    assert cut_name(classifier_of(backbone), 0) == "pooled"


def test_the_moments_of_each_branch_are_found_in_a_row(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a", "block2b"], width=3)
    styled = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1, features=features)
    images = some_images(backbone)
    rows = np.asarray(build_trunk(styled, [0])(images))
    for branch, found in zip(features.branches, branch_statistics(styled, rows), strict=True):
        expected = keras.Model(backbone.model.input, branch.statistics)(images)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_features_of_an_ordinary_head_are_its_activations(tiny_backbone):
    classifier = classifier_of(tiny_backbone())
    rows = np.random.default_rng(0).normal(size=(2, 12)).astype("float32")
    np.testing.assert_array_equal(build_features(classifier)(rows), rows)


# The larger sisters share these ones' builders, and building them takes long.
@pytest.mark.parametrize(
    "name",
    [
        "efficientnet_b1",
        *(
            pytest.param(name, marks=pytest.mark.reliability)
            for name in ("efficientnet_b2", "efficientnet_v2_b1")
        ),
    ],
)
def test_every_boundary_has_a_name_of_its_own(name):
    backbone = build_backbone(name, image_size_px=32, weights=None)
    names = [boundary_name(backbone, boundary) for boundary in range(len(backbone.blocks))]
    assert names[0] == "pooled"
    assert len(set(names)) == len(names)


def test_no_boundary_above_all_blocks_means_the_whole_classifier(tiny_backbone):
    classifier = classifier_of(tiny_backbone())
    images = some_images(classifier.backbone)
    top = build_top(classifier, None)
    np.testing.assert_array_equal(top(images), classifier.model(images))
    assert top is not classifier.model  # compiling it must not change what is saved


@pytest.mark.parametrize(("start", "end"), [(None, 2), (None, 0), (2, 1), (2, 0), (1, 0)])
def test_a_segment_leads_from_one_boundary_to_the_next(tiny_backbone, start, end):
    classifier = classifier_of(tiny_backbone())
    images = some_images(classifier.backbone)
    inputs = images if start is None else build_trunk(classifier, [start])(images)
    outputs = build_segment(classifier, start, end)(inputs)
    np.testing.assert_allclose(outputs, build_trunk(classifier, [end])(images), rtol=1e-6)


def test_the_compact_network_has_blocks_and_no_imagenet_weights():
    backbone = build_backbone("compact", image_size_px=32, weights=None)
    assert [block.name for block in backbone.blocks] == [
        f"block{n}{ab}" for n in "123" for ab in "ab"
    ]
    assert backbone.model.output_shape == (None, 2, 2, 88)
    assert backbone.model.count_params() < 400_000
    with pytest.raises(ArtstyleError, match="no ImageNet weights for the compact network"):
        build_backbone("compact", image_size_px=32, weights="imagenet")


def test_top_shares_its_weights_with_the_backbone(tiny_backbone):
    backbone = tiny_backbone()
    top = build_top(classifier_of(backbone), 1)
    kernel = backbone.model.get_layer("block2b_conv").kernel
    assert any(variable is kernel for variable in top.trainable_variables)
    below = backbone.model.get_layer("block2a_conv").kernel
    assert all(variable is not below for variable in top.weights)


@pytest.mark.parametrize("boundary", [3, 7, -1])
def test_a_boundary_below_the_first_block_is_refused(tiny_backbone, boundary):
    with pytest.raises(ArtstyleError, match=f"has no {boundary} blocks above a frozen one"):
        build_trunk(classifier_of(tiny_backbone()), [boundary])


def test_an_unknown_backbone_raises_with_the_known_ones():
    with pytest.raises(ArtstyleError, match="efficientnet_v2_b0"):
        build_backbone("vgg16", image_size_px=32, weights=None)


def test_a_trained_top_is_saved_with_the_whole_classifier(tiny_backbone, tmp_path):
    classifier = classifier_of(tiny_backbone())
    images = some_images(classifier.backbone, 8)
    activations = build_trunk(classifier, [1])(images)
    before = np.array(classifier.model(images))
    top = build_top(classifier, 1)
    top.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    top.fit(np.array(activations), np.arange(8) % 3, verbose=0)
    classifier.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images), top(activations), rtol=1e-5, atol=1e-6)
    assert not np.allclose(loaded(images), before)
