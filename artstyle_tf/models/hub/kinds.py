"""Networks of KerasHub that can be a backbone, without KerasHub, so that errors show at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artstyle_tf.models.backbone_family import BlockNames

LAYER_NAMES = BlockNames(r"(layer_\d+)$")
"""How the layers of an unrolled transformer are named, from layer_1 on."""


@dataclass(frozen=True)
class Kind:
    """One class of KerasHub.

    Attributes:
        class_name: of the backbone in `keras_hub.models`.
        folder: of KerasHub's models, in which its presets are listed.
        block_names: how to find the blocks; None if it is one layer that cannot be divided.
        is_transformer: whether it is a list of layers on tokens, which has to be unrolled.
        model_types: in the config.json of Hugging Face.
        architectures: what the architecture in the config.json of timm begins with.
    """

    class_name: str
    folder: str
    block_names: BlockNames | None
    is_transformer: bool = False
    model_types: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()


def _transformer(class_name: str, folder: str, *model_types: str) -> Kind:
    return Kind(class_name, folder, LAYER_NAMES, is_transformer=True, model_types=model_types)


def _convolutional(class_name: str, folder: str, pattern: str | None, *architectures: str) -> Kind:
    names = None if pattern is None else BlockNames(pattern)
    return Kind(class_name, folder, names, architectures=architectures)


KINDS = (
    _transformer("DINOV2Backbone", "dinov2", "dinov2", "dinov2_with_registers"),
    _transformer("DINOV3Backbone", "dinov3", "dinov3_vit"),
    _transformer("ViTBackbone", "vit", "vit"),
    _transformer("DeiTBackbone", "deit", "deit"),
    _convolutional("CSPNetBackbone", "cspnet", r"(stage_\d+)_", "csp", "dark"),
    _convolutional("DenseNetBackbone", "densenet", r"(stack\d+_block\d+)_", "densenet"),
    _convolutional("EfficientNetBackbone", "efficientnet", r"(block\d+[a-z]+)_", "efficientnet"),
    # Its stages are inside one layer.
    _convolutional("HGNetV2Backbone", "hgnetv2", None, "hgnetv2"),
    # One of its layers appends a number to its name whenever it is copied.
    _convolutional("MobileNetBackbone", "mobilenet", r"(block_\d+_\d+)(?:_0)*$", "mobilenetv3"),
    _convolutional("ResNetBackbone", "resnet", r"(stack\d+_block\d+)_", "resnet"),
    _convolutional("VGGBackbone", "vgg", r"(block\d+)_", "vgg"),
    _convolutional("XceptionBackbone", "xception", r"(block\d+)_"),
)


def kind_of(config: Mapping[str, Any]) -> tuple[Kind | None, str]:
    """Find out what network a config.json describes.

    Args:
        config: of a preset of KerasHub, or of a folder in the layout of Hugging Face or timm.

    Returns:
        The kind, None if it cannot be a backbone; and what the file calls it.
    """
    if "registered_name" in config:
        name = str(config.get("class_name"))
        return next((kind for kind in KINDS if kind.class_name == name), None), name
    if "model_type" in config:
        name = str(config["model_type"])
        return next((kind for kind in KINDS if name in kind.model_types), None), name
    name = str(config.get("architecture"))
    found = (kind for kind in KINDS if kind.architectures and name.startswith(kind.architectures))
    return next(found, None), name
