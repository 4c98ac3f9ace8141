"""A whole network and the parts that training handles separately."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.features import Features


@dataclass(frozen=True)
class Network:
    """A backbone with something on top of its features.

    Attributes:
        model: float32 [B, S, S, 3] in 0..255 -> [B, K], what the network says of an image.
        backbone: images -> feature map; shares its layers with `model`.
        features: the tensors inside `model` that the head reads.
        head: the layer above the features; like the poolings of style branches it learns in every
            phase.
    """

    model: keras.Model
    backbone: Backbone
    features: Features
    head: keras.layers.Layer
