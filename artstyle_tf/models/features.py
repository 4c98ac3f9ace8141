"""Features that a head reads from a backbone: its pooled top, and means or style of some blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras

from artstyle_tf.models.backbone import MAP_SUFFIX, Backbone
from artstyle_tf.models.block_choice import choose_depths, choose_style_blocks
from artstyle_tf.models.blocks import Block
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.models.style_head import (
    MAX_CHANNELS,
    SecondMoments,
    StylePooling,
    random_projection,
)

POOLING_NAME = "pooling"
"""Name of the pooling layer of the top, by which a loaded network is taken apart again."""

TOP = "top"
"""Name of the depth that the pooled top comes from."""

MEAN_SUFFIX = "_mean"
"""Ends the names of the layers that average the map of a block."""

_STYLE_SUFFIX = "_style"
_MOMENTS_SUFFIX = "_moments"
_PROJECTED_SUFFIX = "_projected"
_BRANCH_SUFFIXES = (MEAN_SUFFIX, MAP_SUFFIX, _PROJECTED_SUFFIX, _MOMENTS_SUFFIX, _STYLE_SUFFIX)


@dataclass(frozen=True)
class Branch:
    """A branch from the middle of a network to the head.

    Attributes:
        block: name of the block.
        num_blocks_above: of the backbone.
        statistics: tensor [B, M], what the branch reads of the block, which has no weights that
            are trained: the second moments of its map, or its mean.
        pooling: layer, second moments -> style, trained in every phase; None where the means are
            features themselves.
    """

    block: str
    num_blocks_above: int
    statistics: keras.KerasTensor
    pooling: StylePooling | None = None

    @property
    def name(self) -> str:
        """Name of the layer that computes the statistics, by which cached rows are told apart."""
        suffix = MEAN_SUFFIX if self.pooling is None else _MOMENTS_SUFFIX
        return f"{self.block}{suffix}"


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
        tensor: [B, D], the pooled top and what each branch adds, joined.
        pooled: [B, D0], the pooled top.
        branches: from the input to the output; none for an ordinary head.
    """

    tensor: keras.KerasTensor
    pooled: keras.KerasTensor
    branches: tuple[Branch, ...] = ()

    @property
    def style_poolings(self) -> tuple[StylePooling, ...]:
        """The layers of the branches that are trained, from the input to the output."""
        return tuple(branch.pooling for branch in self.branches if branch.pooling is not None)

    @property
    def groups(self) -> tuple[FeatureGroup, ...]:
        """The parts of D, in order."""
        return feature_groups([self.pooled, *map(_output, self.branches)])


def feature_groups(parts: Sequence[keras.KerasTensor]) -> tuple[FeatureGroup, ...]:
    """Describe the parts of the features.

    Args:
        parts: tensors [B, D0], [B, D1], ...: the pooled top, and what each branch adds, in order.
    """
    layers = [tensor._keras_history.operation for tensor in parts]
    return tuple(
        FeatureGroup(
            int(tensor.shape[-1]),
            has_one_scale=isinstance(layer, StylePooling),
            depth=_depth_of(layer.name) if len(parts) > 1 else "",
        )
        for tensor, layer in zip(parts, layers, strict=True)
    )


def _depth_of(layer_name: str) -> str:
    if layer_name == POOLING_NAME:
        return TOP
    return layer_name.removesuffix(_STYLE_SUFFIX).removesuffix(MEAN_SUFFIX)


def _output(branch: Branch) -> keras.KerasTensor:
    return branch.statistics if branch.pooling is None else branch.pooling.output


def choose_features(model: ModelConfig, backbone: Backbone) -> Features:
    """Build the features of a config on the backbone.

    Raises:
        ArtstyleError: if the backbone lacks a configured block.
    """
    if model.head == "pooled":
        return build_pooled_features(backbone)
    if model.head == "depths":
        return build_depth_features(backbone, blocks=model.depths.blocks)
    return build_style_features(backbone, blocks=model.style.blocks, width=model.style.width)


def build_pooled_features(backbone: Backbone) -> Features:
    """Build means of the feature map at the top, and its class token where there is one."""
    pooled = backbone.pooled(None, name=POOLING_NAME)
    return Features(pooled, pooled)


def build_depth_features(backbone: Backbone, *, blocks: Sequence[str] | None) -> Features:
    """Build means of the feature map at the top, and of the maps of some blocks.

    Where there are class tokens, they are among the features, too.

    Args:
        backbone: whose blocks to use.
        blocks: names of blocks; None for those at one, two and three quarters of the depth.

    Raises:
        ArtstyleError: if the backbone has no such block, or no blocks at all.
    """
    branches = tuple(
        Branch(
            block.name,
            len(backbone.blocks) - 1 - position,
            backbone.pooled(block.name, name=f"{block.name}{MEAN_SUFFIX}"),
        )
        for position, block in _positions(backbone, choose_depths(backbone, blocks))
    )
    return _joined(backbone, branches)


def build_style_features(
    backbone: Backbone, *, blocks: Sequence[str] | None, width: int
) -> Features:
    """Build means of the feature map at the top, and the second-order statistics of some blocks.

    Args:
        backbone: whose blocks to use.
        blocks: names of blocks; None for the default ones, see `choose_style_blocks`.
        width: channels that each block is projected to.

    Raises:
        ArtstyleError: if the backbone has no such block, or no blocks at all.
    """
    branches = tuple(
        _style_branch(backbone, block, len(backbone.blocks) - 1 - position, width=width)
        for position, block in _positions(backbone, choose_style_blocks(backbone, blocks))
    )
    return _joined(backbone, branches)


def branch_layer_names(backbone: Backbone) -> set[str]:
    """Return what layers of branches from any block are called."""
    return {f"{block}{suffix}" for block in backbone.block_by_name for suffix in _BRANCH_SUFFIXES}


def _joined(backbone: Backbone, branches: tuple[Branch, ...]) -> Features:
    pooled = build_pooled_features(backbone).pooled
    parts = [pooled, *map(_output, branches)]
    return Features(keras.layers.Concatenate(name="features")(parts), pooled, branches)


def _positions(backbone: Backbone, names: Sequence[str]) -> list[tuple[int, Block]]:
    return [(n, block) for n, block in enumerate(backbone.blocks) if block.name in names]


def _style_branch(backbone: Backbone, block: Block, num_blocks_above: int, *, width: int) -> Branch:
    feature_map = backbone.map_of(block.name)
    if feature_map.shape[-1] > MAX_CHANNELS:
        feature_map = random_projection(MAX_CHANNELS, name=f"{block.name}{_PROJECTED_SUFFIX}")(
            feature_map
        )
    moments = SecondMoments(name=f"{block.name}{_MOMENTS_SUFFIX}")(feature_map)
    pooling = StylePooling(width, name=f"{block.name}{_STYLE_SUFFIX}")
    pooling(moments)
    return Branch(block.name, num_blocks_above, moments, pooling)
