"""Arguments of `TrunkCache.features` apart from the images, and the network they describe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras

from artstyle_tf.images.settings import AspectPolicy, DataConfig
from artstyle_tf.models.backbone import Backbone
from artstyle_tf.models.backbone_registry import check_backbone, pretrained_files
from artstyle_tf.models.features import (
    MEAN_SUFFIX,
    FeatureGroup,
    Features,
    build_pooled_features,
    build_style_features,
)
from artstyle_tf.models.network import Network
from artstyle_tf.models.settings import ModelConfig, StyleHeadConfig
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.trunk_cache.identified_images import files_digest

Layers = Literal["style", "pooled"] | Sequence[str]

STYLE, POOLED = "style", "pooled"


@dataclass(frozen=True)
class FeatureRequest:
    """The arguments of `TrunkCache.features` without the images; see there."""

    backbone: str
    weights: str
    layers: str | tuple[str, ...]
    image_size_px: int
    aspect: AspectPolicy

    @property
    def preprocessing(self) -> dict[str, object]:
        """Preprocessing of an image, and the layers that are read, as JSON values."""
        return {
            "image_size_px": self.image_size_px,
            "aspect": self.aspect,
            "max_side_px": DataConfig().max_side_px,
            "layers": self.layers if isinstance(self.layers, str) else list(self.layers),
        }

    def weights_digest(self) -> str | None:
        """Return SHA-256 of the weights file as it is now; None if it is not on this machine.

        For a preset of KerasHub, of all its files.
        """
        files = pretrained_files(self.backbone, self.weights)
        return files_digest(files) if files else None


def feature_request(
    backbone: str,
    weights: str | os.PathLike[str] | None,
    layers: Layers,
    image_size_px: int | None,
    aspect: AspectPolicy | None,
) -> FeatureRequest:
    """Check the arguments, as far as possible without the network, and fill in the defaults.

    Raises:
        ArtstyleError: if backbone, weights or layers are not known.
    """
    check_layers(layers)
    if weights is None:
        raise ArtstyleError(
            "Features of random weights would differ in every call",
            received="weights=None",
            expected='"pretrained", "imagenet", "demo", or the path of a weights file without top',
        )
    size_px = image_size_px or ModelConfig().image_size_px
    check_backbone(backbone, os.fspath(weights), size_px)
    return FeatureRequest(
        backbone=backbone,
        weights=os.fspath(weights),
        layers=layers if isinstance(layers, str) else tuple(layers),
        image_size_px=size_px,
        aspect=aspect or DataConfig().aspect,
    )


def check_layers(layers: Layers) -> None:
    """Check what can be checked without the backbone.

    Raises:
        ArtstyleError: if it is neither "style", "pooled" nor a list of names.
    """
    is_list = not isinstance(layers, str) and isinstance(layers, Sequence)
    if is_list and layers and all(isinstance(name, str) for name in layers):
        return
    if layers in (STYLE, POOLED):
        return
    raise ArtstyleError(
        "The layers to read are not known",
        received=f"layers={layers!r}",
        expected='"style", "pooled", or a list of names of blocks such as ["block5e", "block6h"]',
    )


def build_layers(backbone: Backbone, layers: Layers) -> tuple[Network, tuple[FeatureGroup, ...]]:
    """Build the network whose output at boundary 0 is the features; see `models.splitting`.

    Args:
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
    backbone.check_has_blocks(names, key="layers")
    means = [backbone.pooled(name, name=f"{name}{MEAN_SUFFIX}") for name in names]
    groups = tuple(
        FeatureGroup(int(mean.shape[-1]), has_one_scale=False, depth=name)
        for name, mean in zip(names, means, strict=True)
    )
    joined = keras.layers.Concatenate(name="means")(means) if len(means) > 1 else means[0]
    return Features(joined, joined), groups
