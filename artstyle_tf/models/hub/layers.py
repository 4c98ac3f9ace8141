"""Layers of an unrolled transformer. KerasHub is imported when one of its layers is built."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from artstyle_tf.models.hub.presets import check_keras_hub
from artstyle_tf.models.tokens import TokenLayout

_ENCODER_LAYERS = {
    "DINOV2Layer": "keras_hub.src.models.dinov2.dinov2_layers:DINOV2Layer",
    "DINOV3Layer": "keras_hub.src.models.dinov3.dinov3_layers:DINOV3Layer",
    "DeiTEncoderBlock": "keras_hub.src.models.deit.deit_layers:DeiTEncoderBlock",
    "ViTEncoderBlock": "keras_hub.src.models.vit.vit_layers:ViTEncoderBlock",
}


@keras.saving.register_keras_serializable(package="artstyle_tf")
class PixelScaling(keras.layers.Layer):
    """Pixels float32 [B, S, S, 3] -> scale * pixels + offset, for each channel.

    The constants are weights, so that they are saved, copied and part of a digest as such.
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the constants."""
        shape = (input_shape[-1],)
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")
        self.offset = self.add_weight(
            shape=shape, initializer="zeros", trainable=False, name="offset"
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Scale the pixels."""
        return inputs * self.scale + self.offset


@keras.saving.register_keras_serializable(package="artstyle_tf")
class PatchTokens(keras.layers.Layer):
    """Scaled pixels [B, S, S, 3] -> tokens [B, P + h * w, C].

    Each patch is projected to C numbers and gets its position added; before them come the prefix
    tokens, in which their own positions are included.

    Args:
        layout: a `TokenLayout`.
        width: C.
        patch_size_px: side of a patch.
        use_bias: of the projection.
        has_positions: whether positions are added.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        layout: Sequence[Any],
        width: int,
        patch_size_px: int,
        *,
        use_bias: bool = True,
        has_positions: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.layout = TokenLayout(*layout)
        self.width = width
        self.patch_size_px = patch_size_px
        self.use_bias = use_bias
        self.has_positions = has_positions
        self.projection = keras.layers.Conv2D(
            width, patch_size_px, strides=patch_size_px, use_bias=use_bias, name="projection"
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights."""
        self.projection.build(input_shape)
        num_prefix = self.layout.num_prefix_tokens
        if num_prefix:
            self.prefix = self.add_weight(shape=(num_prefix, self.width), name="prefix")
        if self.has_positions:
            self.positions = self.add_weight(
                shape=(self._num_patches, self.width), name="positions"
            )
        self.built = True

    @property
    def _num_patches(self) -> int:
        return self.layout.height * self.layout.width

    def call(self, inputs: Any) -> Any:
        """Project the patches, add their positions and put the prefix before them."""
        tokens = ops.reshape(self.projection(inputs), (-1, self._num_patches, self.width))
        if self.has_positions:
            tokens = tokens + self.positions
        if not self.layout.num_prefix_tokens:
            return tokens
        prefix = ops.tile(self.prefix[None], (ops.shape(tokens)[0], 1, 1))
        return ops.concatenate([prefix, tokens], axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return (B, P + h * w, C)."""
        return input_shape[0], self.layout.num_prefix_tokens + self._num_patches, self.width

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "layout": list(self.layout),
            "width": self.width,
            "patch_size_px": self.patch_size_px,
            "use_bias": self.use_bias,
            "has_positions": self.has_positions,
        }


@keras.saving.register_keras_serializable(package="artstyle_tf")
class EncoderLayer(keras.layers.Layer):
    """One encoder layer of KerasHub: tokens [B, N, C] -> tokens [B, N, C].

    KerasHub's own layers cannot all be loaded from their configs, and those of DINOv3 get their
    positions from outside. Here a layer is described by the arguments of its constructor.

    Args:
        layer_class: name of the class in KerasHub.
        arguments: of its constructor.
        layout: a `TokenLayout`; only DINOv3 needs it, for rotary positions.
        rope_theta: base period of rotary positions; None without them.
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ArtstyleError: if KerasHub is not installed.
    """

    def __init__(
        self,
        layer_class: str,
        arguments: Mapping[str, Any],
        *,
        layout: Sequence[Any] | None = None,
        rope_theta: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_keras_hub()
        self.layer_class = layer_class
        self.arguments = dict(arguments)
        self.layout = None if layout is None else TokenLayout(*layout)
        self.rope_theta = rope_theta
        found = pkgutil.resolve_name(_ENCODER_LAYERS[layer_class])
        self.layer = found(**self.arguments, dtype=self.dtype_policy, name="layer")

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights."""
        if not self.layer.built:
            self.layer.build(input_shape)
        self._rotary: dict[str, Any] = {}
        if self.layout is not None and self.rope_theta is not None:
            head_size = self.arguments["hidden_dim"] // self.arguments["num_heads"]
            self._rotary = {
                "position_embeddings": rotary_positions(self.layout, head_size, self.rope_theta),
                "num_prefix_tokens": self.layout.num_prefix_tokens,
            }
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Apply the layer."""
        outputs = self.layer(inputs, **self._rotary)
        # DeiT returns attention scores, too.
        return outputs[0] if isinstance(outputs, list | tuple) else outputs

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the tokens."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "layer_class": self.layer_class,
            "arguments": self.arguments,
            "layout": None if self.layout is None else list(self.layout),
            "rope_theta": self.rope_theta,
        }


def copy_of_layer(layer: keras.layers.Layer, **kwargs: Any) -> EncoderLayer:
    """Return an `EncoderLayer` like a layer of KerasHub, without its weights.

    Args:
        layer: of a class that is known here.
        **kwargs: of `EncoderLayer`.
    """
    names = [
        name
        for name, parameter in inspect.signature(type(layer).__init__).parameters.items()
        if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    arguments = {name: getattr(layer, name) for name in names}
    if "drop_path_rate" in arguments:
        # KerasHub's needs the size of the batch, and multiplies with numbers that are not 0 or 1.
        arguments["drop_path_rate"] = 0.0
    return EncoderLayer(type(layer).__name__, arguments, **kwargs)


def rotary_positions(
    layout: TokenLayout, head_size: int, theta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the rotary positions of DINOv3.

    Args:
        layout: of the tokens.
        head_size: H, channels of an attention head.
        theta: base period.

    Returns:
        Cosines and sines, each float32 [h * w, H].

    Source: Simeoni et al. 2025, arXiv:2508.10104.
    """
    rows = (np.arange(layout.height) + 0.5) / layout.height
    columns = (np.arange(layout.width) + 0.5) / layout.width
    centers = 2.0 * np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1) - 1.0
    frequencies = theta ** -np.arange(0, 1, 4 / head_size)
    angles = 2 * np.pi * centers.reshape(-1, 2, 1) * frequencies
    angles = np.tile(angles.reshape(len(angles), -1), (1, 2))
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
