"""Unroll vision transformers of KerasHub, whose encoder is one layer, so that they can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from artstyle_tf.models.hub.layers import PatchTokens, copy_of_layer
from artstyle_tf.models.tokens import PatchMap, TokenLayout


class Transformer(NamedTuple):
    """Parts of a vision transformer.

    Attributes:
        projection: layer that projects patches.
        prefix: float [P, C], class token first if there is one, then others; positions included.
        positions: float [N, C] of the patches; None if they are not added to the tokens.
        has_class_token: whether the first prefix token is one.
        dropout_rate: after the positions.
        layers: of the encoder.
        norm: the layer above the last one.
        rope_theta: base period of rotary positions; None without them.
    """

    projection: keras.layers.Conv2D
    prefix: np.ndarray
    positions: np.ndarray | None
    has_class_token: bool
    dropout_rate: float
    layers: Sequence[keras.layers.Layer]
    norm: keras.layers.Layer
    rope_theta: float | None = None


def take_apart(backbone: Any) -> Transformer:
    """Return the parts of a backbone of KerasHub: DINOv2, DINOv3, ViT or DeiT."""
    return {
        "DINOV2Backbone": _dinov2,
        "DINOV3Backbone": _dinov3,
        "ViTBackbone": _vit,
        "DeiTBackbone": _deit,
    }[type(backbone).__name__](backbone)


def _dinov2(backbone: Any) -> Transformer:
    embeddings = backbone.embeddings
    positions = _array(embeddings.interpolated_position_embeddings)[0]
    tokens = [_array(embeddings.cls_token)[0] + positions[:1]]
    if backbone.num_register_tokens:  # they have no positions
        tokens.append(_array(embeddings.register_tokens)[0])
    return Transformer(
        projection=embeddings.patch_embeddings.projection,
        prefix=np.concatenate(tokens),
        positions=positions[1:],
        has_class_token=True,
        dropout_rate=backbone.dropout_rate,
        layers=backbone.encoder.layers,
        norm=backbone.layernorm,
    )


def _dinov3(backbone: Any) -> Transformer:
    embeddings = backbone.embeddings
    tokens = [_array(embeddings.cls_token)[0]]
    if backbone.num_register_tokens:
        tokens.append(_array(embeddings.register_tokens)[0])
    return Transformer(
        projection=embeddings.patch_embeddings.projection,
        prefix=np.concatenate(tokens),
        positions=None,
        has_class_token=True,
        dropout_rate=0.0,
        layers=backbone.encoder.layers,
        norm=backbone.layernorm,
        rope_theta=float(backbone.rope_theta),
    )


def _vit(backbone: Any) -> Transformer:
    _, embeddings, encoder = backbone.layers
    positions = _array(embeddings.position_embedding.embeddings)
    num_prefix = int(backbone.use_class_token)
    prefix = positions[:num_prefix]
    if backbone.use_class_token:
        prefix = prefix + _array(embeddings.class_token)[0]
    return Transformer(
        projection=embeddings.patch_embedding,
        prefix=prefix,
        positions=positions[num_prefix:],
        has_class_token=backbone.use_class_token,
        dropout_rate=backbone.dropout_rate,
        layers=encoder.encoder_layers,
        norm=encoder.layer_norm,
    )


def _deit(backbone: Any) -> Transformer:
    _, embeddings, encoder = backbone.layers
    positions = _array(embeddings.position_embedding)[0]
    tokens = [_array(embeddings.class_token)[0], _array(embeddings.distillation_token)[0]]
    return Transformer(
        projection=embeddings.patch_embedding,
        prefix=np.concatenate(tokens) + positions[:2],
        positions=positions[2:],
        has_class_token=True,
        dropout_rate=backbone.dropout_rate,
        layers=encoder.encoder_layers,
        norm=encoder.layer_norm,
    )


class Unrolled(NamedTuple):
    """A transformer as a functional graph.

    Attributes:
        model: scaled pixels' source -> feature map [B, h, w, C].
        layout: of the tokens.
        top_tokens: [B, P + h * w, C], of which `model` returns those of the patches.
    """

    model: keras.Model
    layout: TokenLayout
    top_tokens: keras.KerasTensor


def unroll(
    parts: Transformer, pixels: keras.KerasTensor, scaled: keras.KerasTensor, *, name: str
) -> Unrolled:
    """Connect the parts of a transformer, each encoder layer as a layer of its own.

    Positions of another number of patches are interpolated.

    Args:
        parts: from `take_apart`.
        pixels: input [B, S, S, 3].
        scaled: the same, as the network expects it.
        name: of the model.
    """
    patch_size_px = int(parts.projection.kernel_size[0])
    side = int(scaled.shape[1]) // patch_size_px
    layout = TokenLayout(side, side, len(parts.prefix), parts.has_class_token)
    embed = PatchTokens(
        layout,
        int(parts.prefix.shape[-1]),
        patch_size_px,
        use_bias=parts.projection.use_bias,
        has_positions=parts.positions is not None,
        name="embeddings",
    )
    tokens = embed(scaled)
    embed.projection.set_weights(parts.projection.get_weights())
    if len(parts.prefix):
        embed.prefix.assign(parts.prefix)
    if parts.positions is not None:
        embed.positions.assign(resized_positions(parts.positions, side))
    if parts.dropout_rate:
        tokens = keras.layers.Dropout(parts.dropout_rate, name="embeddings_dropout")(tokens)
    rotary = {} if parts.rope_theta is None else {"layout": layout, "rope_theta": parts.rope_theta}
    for number, layer in enumerate(parts.layers, start=1):
        copy = copy_of_layer(layer, name=f"layer_{number}", **rotary)
        tokens = copy(tokens)
        copy.layer.set_weights(layer.get_weights())
    norm = type(parts.norm).from_config({**parts.norm.get_config(), "name": "layernorm"})
    top_tokens = norm(tokens)
    norm.set_weights(parts.norm.get_weights())
    model = keras.Model(pixels, PatchMap(layout, name="map")(top_tokens), name=name)
    return Unrolled(model, layout, top_tokens)


def resized_positions(positions: np.ndarray, side: int) -> np.ndarray:
    """Interpolate the positions of a square of patches for another number of them.

    Args:
        positions: float [n * n, C], row by row.
        side: m, patches in a row.

    Returns:
        float32 [m * m, C]: bicubic, as DINOv2 does it.
    """
    known = round(len(positions) ** 0.5)
    if known == side:
        return positions
    square = positions.reshape(1, known, known, -1).astype(np.float32)
    resized = ops.image.resize(
        square, (side, side), interpolation="bicubic", data_format="channels_last"
    )
    return _array(resized).reshape(side * side, -1)


def _array(value: Any) -> np.ndarray:
    return ops.convert_to_numpy(value)
