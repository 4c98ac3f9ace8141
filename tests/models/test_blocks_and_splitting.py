from __future__ import annotations

import keras
import numpy as np
import pytest

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.models.backbones import build_backbone
from artstyle_tf.models.blocks import layer_depths
from artstyle_tf.models.splitting import split_backbone


def some_pictures(backbone, count=2):
    generator = np.random.default_rng(0)
    shape = (count, *backbone.model.input_shape[1:])
    return generator.uniform(0, 255, shape).astype(np.float32)


def test_blocks_are_found_in_order_with_the_layer_that_leaves_them(tiny_backbone):
    blocks = tiny_backbone().blocks
    assert [block.name for block in blocks] == ["block1a", "block2a", "block2b"]
    assert [block.boundary for block in blocks] == ["block1a_add", "block2a_add", "block2b_add"]


def test_depth_counts_blocks_from_the_output(tiny_backbone):
    backbone = tiny_backbone()
    depths = layer_depths(backbone.model, backbone.blocks)
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
    depths = layer_depths(backbone.model, backbone.blocks)
    assert [layer for layer, depth in depths.items() if depth == 0] == [
        "top_conv",
        "top_bn",
        "top_activation",
    ]


@pytest.mark.parametrize("num_top_blocks", [0, 1, 2, None])
def test_trunk_and_top_together_compute_the_backbone(tiny_backbone, num_top_blocks):
    backbone = tiny_backbone()
    pictures = some_pictures(backbone)
    split = split_backbone(backbone, num_top_blocks)
    activations = pictures if split.trunk is None else split.trunk(pictures)
    output = activations if split.top is None else split.top(activations)
    np.testing.assert_array_equal(output, backbone.model(pictures))


def test_an_efficientnet_can_be_cut_at_every_boundary():
    backbone = build_backbone("efficientnet_b0", image_size_px=32, weights=None)
    pictures = some_pictures(backbone, 1)
    expected = backbone.model(pictures)
    for num_top_blocks in range(len(backbone.blocks)):
        split = split_backbone(backbone, num_top_blocks)
        assert split.trunk is not None
        output = split.trunk(pictures)
        output = output if split.top is None else split.top(output)
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


def test_the_compact_network_has_blocks_and_no_pretrained_weights():
    backbone = build_backbone("compact", image_size_px=32, weights=None)
    assert [block.name for block in backbone.blocks] == [
        f"block{n}{ab}" for n in "123" for ab in "ab"
    ]
    assert backbone.model.output_shape == (None, 2, 2, 128)
    assert backbone.model.count_params() < 1_000_000
    pictures = some_pictures(backbone)
    for num_top_blocks in range(len(backbone.blocks)):
        split = split_backbone(backbone, num_top_blocks)
        output = split.trunk(pictures)
        output = output if split.top is None else split.top(output)
        np.testing.assert_allclose(output, backbone.model(pictures), rtol=1e-5, atol=1e-6)
    with pytest.raises(ArtstyleError, match="no ImageNet weights for the compact network"):
        build_backbone("compact", image_size_px=32, weights="imagenet")


def test_top_shares_its_weights_with_the_backbone(tiny_backbone):
    backbone = tiny_backbone()
    top = split_backbone(backbone, 1).top
    kernel = backbone.model.get_layer("block2b_conv").kernel
    assert any(variable is kernel for variable in top.trainable_variables)
    below = backbone.model.get_layer("block2a_conv").kernel
    assert all(variable is not below for variable in top.weights)


def test_a_boundary_below_the_first_block_is_refused(tiny_backbone):
    with pytest.raises(ArtstyleError, match="has no 3 blocks above a frozen one"):
        split_backbone(tiny_backbone(), 3)


def test_an_unknown_backbone_is_answered_with_the_known_ones():
    with pytest.raises(ArtstyleError, match="efficientnet_v2_b0"):
        build_backbone("vgg16", image_size_px=32, weights=None)


def test_a_split_backbone_survives_saving(tiny_backbone, tmp_path):
    backbone = tiny_backbone()
    split_backbone(backbone, 1)
    backbone.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pictures = some_pictures(backbone)
    np.testing.assert_array_equal(loaded(pictures), backbone.model(pictures))
