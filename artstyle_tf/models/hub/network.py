"""Build the network of a preset of KerasHub as one functional graph that takes pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from artstyle_tf.models.backbone_family import BlockNames
from artstyle_tf.models.hub.layers import PixelScaling
from artstyle_tf.models.hub.presets import (
    CONFIG_FILE,
    Preset,
    check_patches,
    find_preset,
    patch_size,
    supported_kind,
)
from artstyle_tf.models.hub.transformers import take_apart, unroll
from artstyle_tf.models.imagenet_pixels import IMAGENET_MEAN, IMAGENET_STD
from artstyle_tf.models.tokens import TokenLayout
from artstyle_tf.system.errors import ArtstyleError

_PREPROCESSOR_FILE = "preprocessor_config.json"


@dataclass(frozen=True)
class HubNetwork:
    """A network of KerasHub.

    Attributes:
        model: float32 [B, S, S, 3] in 0..255 -> feature map [B, h, w, C].
        block_names: how to find its blocks; None if it has none.
        tokens: of a transformer: what its layers return.
        top_tokens: of a transformer: the tokens that the feature map is made of.
    """

    model: keras.Model
    block_names: BlockNames | None
    tokens: TokenLayout | None = None
    top_tokens: keras.KerasTensor | None = None


def build_hub_network(name: str, *, image_size_px: int, with_weights: bool) -> HubNetwork:
    """Build the network of a preset.

    Args:
        name: "hub:NAME" or "hub:FOLDER", checked.
        image_size_px: side S of the square input.
        with_weights: load its weights; else they are random.

    Raises:
        ArtstyleError: if the preset cannot be loaded.
    """
    import keras_hub

    preset = find_preset(name)
    source = preset.source
    try:
        # Before the weights: once these are here, nothing more is downloaded.
        converter = _image_converter(keras_hub, preset, source)
        config = preset.config()
        kind = supported_kind(config, name)
        check_patches(name, patch_size(config), image_size_px)
        scale, offset = _scale_and_offset(config, converter, preset)
        arguments: dict[str, Any] = {}
        if kind.class_name in ("DINOV2Backbone", "DINOV3Backbone"):  # others have one size
            arguments["image_shape"] = (image_size_px, image_size_px, 3)
        loaded = keras_hub.models.Backbone.from_preset(
            source, load_weights=with_weights, **arguments
        )
    except ArtstyleError:
        raise
    except Exception as error:  # downloads, HDF5, safetensors and Keras raise almost anything
        raise ArtstyleError(
            f"The preset {name} cannot be loaded by KerasHub",
            received=" ".join(str(error).split())[:300],
            expected=f"weights that belong to its {CONFIG_FILE}",
        ) from error
    pixels = keras.Input((image_size_px, image_size_px, 3), name="pixels")
    scaling = PixelScaling(name="scaling")
    scaled = scaling(pixels)
    scaling.scale.assign(np.broadcast_to(np.asarray(scale, np.float32), 3))
    scaling.offset.assign(np.broadcast_to(np.asarray(offset, np.float32), 3))
    if kind.is_transformer:
        unrolled = unroll(take_apart(loaded), pixels, scaled, name=loaded.name)
        return HubNetwork(unrolled.model, kind.block_names, unrolled.layout, unrolled.top_tokens)
    return HubNetwork(_copied_graph(loaded, pixels, scaled), kind.block_names)


def _copied_graph(loaded: Any, pixels: keras.KerasTensor, scaled: keras.KerasTensor) -> keras.Model:
    """Copy a functional network, so that its layers follow the scaling in one graph."""
    output = loaded.output
    if isinstance(output, dict):  # one for each stage
        output = output[max(stage for stage in output if stage.startswith("stage"))]
    source = keras.Model(loaded.input, output, name=loaded.name)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(
            lambda value: scaled if value is pixels else value, (args, kwargs)
        )
        return layer(*args, **kwargs)

    copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        copies.append((layer, type(layer).from_config(layer.get_config())))
        return copies[-1][1]

    inputs = keras.tree.map_structure(lambda _: pixels, source.input)
    copied = keras.models.clone_model(
        source, input_tensors=inputs, clone_function=copy, call_function=call
    )
    for layer, copied_layer in copies:
        copied_layer.set_weights(layer.get_weights())
    return keras.Model(pixels, copied.output, name=loaded.name)


def _image_converter(keras_hub: Any, preset: Preset, source: str) -> Any:
    """Return KerasHub's image converter of a preset that it has saved; None without one."""
    if preset.handle is None and "registered_name" not in preset.config():
        return None
    try:
        return keras_hub.layers.ImageConverter.from_preset(source)
    except FileNotFoundError:
        return None


def _scale_and_offset(config: Mapping[str, Any], converter: Any, preset: Preset) -> tuple[Any, Any]:
    """Return how pixels in 0..255 become what the network expects, as scalars or [3].

    Presets of KerasHub say so in their image converter, folders of Hugging Face in
    preprocessor_config.json, those of timm in config.json. Without any of these, mean and standard
    deviation of ImageNet become 0 and 1.
    """
    if converter is not None:
        scale = 1.0 if converter.scale is None else converter.scale
        return scale, 0.0 if converter.offset is None else converter.offset
    file = preset.folder / _PREPROCESSOR_FILE
    mean, std, factor = IMAGENET_MEAN, IMAGENET_STD, 1 / 255
    if "model_type" in config and file.is_file():
        read = json.loads(file.read_text(encoding="utf-8"))
        factor = read.get("rescale_factor", factor) if read.get("do_rescale", True) else 1.0
        if not read.get("do_normalize", True):
            return factor, 0.0
        mean, std = read.get("image_mean", mean), read.get("image_std", std)
    elif isinstance(config.get("pretrained_cfg"), dict):  # timm
        mean = config["pretrained_cfg"].get("mean", mean)
        std = config["pretrained_cfg"].get("std", std)
    return factor / np.asarray(std), -np.asarray(mean) / np.asarray(std)
