"""Features that a head reads from a backbone: its pooled top, and the style of some blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.models.style_head import SecondMoments, StylePooling, choose_style_blocks

POOLING_NAME = "pooling"
"""Name of the pooling layer of the top, by which a loaded network is taken apart again."""

TOP = "top"
"""Name of the depth that the pooled top comes from."""

_STYLE_SUFFIX = "_style"


@dataclass(frozen=True)
class StyleBranch:
    """A branch from the middle of a network to the head.

    Attributes:
        block: name of the block.
        num_blocks_above: of the backbone.
        moments: tensor [B, C(C+1)/2], the block's second moments, which have no weights.
        pooling: layer, moments -> style; trained in every phase.
    """

    block: str
    num_blocks_above: int
    moments: keras.KerasTensor
    pooling: StylePooling


class FeatureGroup(NamedTuple):
    """Adjacent features that belong together.

    Attributes:
        size: number of features.
        has_one_scale: whether their sizes can be compared: the entries of one matrix can, the
            channels of a network need not.
        depth: where in the network they come from: name of a block, or "top"; empty where depths
            are not distinguished.
    """

    size: int
    has_one_scale: bool
    depth: str = ""


@dataclass(frozen=True)
class Features:
    """Input of a head.

    Attributes:
        tensor: [B, D], the pooled top and the style of each branch, joined.
        pooled: [B, D0], the pooled top.
        branches: from the input to the output; none for an ordinary head.
    """

    tensor: keras.KerasTensor
    pooled: keras.KerasTensor
    branches: tuple[StyleBranch, ...] = ()

    @property
    def groups(self) -> tuple[FeatureGroup, ...]:
        """The parts of D, in order."""
        poolings = [branch.pooling for branch in self.branches]
        return feature_groups([self.pooled, *(pooling.output for pooling in poolings)], poolings)


def feature_groups(
    parts: Sequence[keras.KerasTensor], poolings: Sequence[StylePooling]
) -> tuple[FeatureGroup, ...]:
    """Describe the parts of the features.

    Args:
        parts: tensors [B, D0], [B, D1], ...: the pooled top, and the style of each block, in order.
        poolings: the layers that compute the styles, in any order.
    """
    pooled, *styles = parts
    blocks = {id(layer.output): layer.name.removesuffix(_STYLE_SUFFIX) for layer in poolings}
    return (
        FeatureGroup(int(pooled.shape[-1]), has_one_scale=False, depth=TOP if styles else ""),
        *(
            FeatureGroup(int(style.shape[-1]), has_one_scale=True, depth=blocks[id(style)])
            for style in styles
        ),
    )


def choose_features(model: ModelConfig, backbone: Backbone) -> Features:
    """Build the features of a config on the backbone.

    Raises:
        ArtstyleError: if the backbone lacks a configured block.
    """
    if model.head == "pooled":
        return build_pooled_features(backbone)
    return build_style_features(backbone, blocks=model.style.blocks, width=model.style.width)


def build_pooled_features(backbone: Backbone) -> Features:
    """Build means of the feature map at the top."""
    pooled = keras.layers.GlobalAveragePooling2D(name=POOLING_NAME)(backbone.model.output)
    return Features(pooled, pooled)


def build_style_features(
    backbone: Backbone, *, blocks: Sequence[str] | None, width: int
) -> Features:
    """Build means of the feature map at the top, and the second-order statistics of some blocks.

    Args:
        backbone: whose blocks to use.
        blocks: names of blocks; None for the default ones, see `choose_style_blocks`.
        width: channels that each block is projected to.

    Raises:
        ArtstyleError: if the backbone has no such block.
    """
    pooled = build_pooled_features(backbone).pooled
    names = choose_style_blocks(backbone, blocks)
    branches = tuple(
        _branch(backbone, position, width=width)
        for position, block in enumerate(backbone.blocks)
        if block.name in names
    )
    parts = [pooled, *(branch.pooling.output for branch in branches)]
    return Features(keras.layers.Concatenate(name="features")(parts), pooled, branches)


def _branch(backbone: Backbone, position: int, *, width: int) -> StyleBranch:
    block = backbone.blocks[position]
    output = backbone.model.get_layer(block.boundary).output
    moments = SecondMoments(name=f"{block.name}_moments")(output)
    pooling = StylePooling(width, name=f"{block.name}{_STYLE_SUFFIX}")
    pooling(moments)
    return StyleBranch(block.name, len(backbone.blocks) - 1 - position, moments, pooling)
