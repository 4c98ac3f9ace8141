"""A whole network and the parts that training handles separately."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from artstyle_tf.models.backbones import Backbone


@dataclass(frozen=True)
class Network:
    """A backbone with something on top of its pooled features.

    Attributes:
        model: float32 [B, S, S, 3] in 0..255 -> [B, K], what the network says of a picture.
        backbone: pictures -> feature map; shares its layers with `model`.
        features: the tensor inside `model` that holds the pooled features [B, D].
        head: the layer above the features that learns in every phase.
    """

    model: keras.Model
    backbone: Backbone
    features: keras.KerasTensor
    head: keras.layers.Layer
