"""Which layers of a backbone `TrunkCache.features` reads, as a network without a head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.features import (
    FeatureGroup,
    Features,
    build_pooled_features,
    build_style_features,
)
from artstyle_tf.models.network import Network
from artstyle_tf.models.settings import StyleHeadConfig
from artstyle_tf.system.errors import ArtstyleError

Layers = Literal["style", "pooled"] | Sequence[str]

STYLE, POOLED = "style", "pooled"


def check_layers(layers: Layers) -> None:
    """Checks what can be checked without the backbone.

    Raises:
        ArtstyleError: if it is neither "style", "pooled" nor a list of names.
    """
    is_list = not isinstance(layers, str) and isinstance(layers, Sequence)
    if layers in (STYLE, POOLED) or (is_list and layers and all(map(_is_name, layers))):
        return
    raise ArtstyleError(
        "The layers to read are not known",
        received=f"layers={layers!r}",
        expected='"style", "pooled", or a list of names of blocks such as ["block5e", "block6h"]',
    )


def build_layers(backbone: Backbone, layers: Layers) -> tuple[Network, tuple[FeatureGroup, ...]]:
    """Builds what gives the features at boundary 0; see `models.splitting`.

    Args:
        backbone: to read from.
        layers: see `TrunkCache.features`.

    Returns:
        The network, whose output is the features float32 [B, D], and the parts of D.

    Raises:
        ArtstyleError: if the backbone has no such block.
    """
    if layers == STYLE:
        features = build_style_features(backbone, blocks=None, width=StyleHeadConfig().width)
        groups = features.groups
    elif layers == POOLED:
        features = build_pooled_features(backbone)
        groups = features.groups
    else:
        features, groups = _means_of_blocks(backbone, layers)
    output = keras.layers.Identity(name="features_out")
    model = keras.Model(backbone.model.input, output(features.tensor), name="feature_network")
    return Network(model, backbone, features, output), groups


def _means_of_blocks(
    backbone: Backbone, names: Sequence[str]
) -> tuple[Features, tuple[FeatureGroup, ...]]:
    blocks = {block.name: block for block in backbone.blocks}
    unknown = [name for name in names if name not in blocks]
    if unknown:
        raise ArtstyleError(
            f"{backbone.name} has no such block",
            received=f"layers: {', '.join(unknown)}",
            expected=f"some of {', '.join(blocks)}",
        )
    maps = [backbone.model.get_layer(blocks[name].boundary).output for name in names]
    means = [
        keras.layers.GlobalAveragePooling2D(name=f"{name}_mean")(feature_map)
        for name, feature_map in zip(names, maps, strict=True)
    ]
    groups = tuple(
        FeatureGroup(int(mean.shape[-1]), has_one_scale=False, depth=name)
        for name, mean in zip(names, means, strict=True)
    )
    joined = keras.layers.Concatenate(name="means")(means) if len(means) > 1 else means[0]
    return Features(joined, joined), groups


def _is_name(value: object) -> bool:
    return isinstance(value, str)
