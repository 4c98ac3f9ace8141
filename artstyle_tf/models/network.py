"""Whole networks: a backbone with a classifier or an embedding on its features."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from artstyle_tf.models.backbone import Backbone
from artstyle_tf.models.features import Features, branch_layer_names, build_pooled_features
from artstyle_tf.system.errors import ArtstyleError

HEAD_NAME = "head"
"""Name of the last layer, by which a loaded classifier is taken apart again."""


@dataclass(frozen=True)
class Network:
    """A backbone with layers on top of its features.

    Attributes:
        model: float32 [B, S, S, 3] in 0..255 -> outputs [B, K].
        backbone: images -> feature map; shares its layers with `model`.
        features: the tensors inside `model` that the head reads.
        head: the layer above the features; like the poolings of style branches it is trained in
            every phase.
    """

    model: keras.Model
    backbone: Backbone
    features: Features
    head: keras.layers.Layer


@dataclass(frozen=True)
class Classifier(Network):
    """A network whose outputs are logits [B, C]; its head is a dense layer, features -> logits."""

    head: keras.layers.Dense


@dataclass(frozen=True)
class EmbeddingModel(Network):
    """A network whose outputs are embeddings float32 [B, D], rows of length 1.

    Its head is a dense layer, features -> embedding before it is normalized.
    """

    head: keras.layers.Dense


def build_classifier(
    backbone: Backbone,
    *,
    num_classes: int,
    dropout: float,
    seed: int,
    features: Features | None = None,
) -> Classifier:
    """Add dropout and a dense layer that returns logits.

    Args:
        backbone: feature extractor.
        num_classes: number C of classes.
        dropout: fraction of the features dropped in training, in [0, 1).
        seed: of the head's initial weights and of dropout.
        features: input of the head, built on the backbone; None for its pooled top.

    Returns:
        The classifier, all layers trainable.
    """
    features = features or build_pooled_features(backbone)
    head = _dense(num_classes, seed=seed, name=HEAD_NAME)
    logits = head(_dropped(features, dropout, seed))
    name = f"{backbone.model.name}_classifier"
    model = keras.Model(backbone.model.input, logits, name=name)
    return Classifier(model, backbone, features, head)


def build_embedding_model(
    backbone: Backbone,
    *,
    dimension: int,
    dropout: float,
    seed: int,
    features: Features | None = None,
) -> EmbeddingModel:
    """Add dropout, a dense projection to D = `dimension` and L2 normalization.

    The other arguments are those of `build_classifier`. All layers are trainable.
    """
    features = features or build_pooled_features(backbone)
    projection = _dense(dimension, seed=seed, name="projection")
    projected = projection(_dropped(features, dropout, seed))
    embedding = keras.layers.UnitNormalization(name="embedding")(projected)
    name = f"{backbone.model.name}_embedding"
    model = keras.Model(backbone.model.input, embedding, name=name)
    return EmbeddingModel(model, backbone, features, projection)


def _dropped(features: Features, rate: float, seed: int) -> keras.KerasTensor:
    return keras.layers.Dropout(rate, seed=seed, name="dropout")(features.tensor)


def _dense(units: int, *, seed: int, name: str) -> keras.layers.Dense:
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name)


def assign_head(network: Classifier | EmbeddingModel, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Set the head's weights: kernel float [D, K] and bias float [K]."""
    network.head.kernel.assign(kernel)
    network.head.bias.assign(bias)


def copy_backbone_weights(source: keras.Model, backbone: Backbone, *, origin: str) -> None:
    """Copy the weights of the backbone inside a trained network.

    Args:
        source: a network of this program: the backbone's layers, then its head.
        backbone: of the same kind, for the same size of images.
        origin: path of the network, for the message.

    Raises:
        ArtstyleError: if the network was built on another backbone.
    """
    # The layers of branches lie between those of the backbone.
    of_branches = branch_layer_names(backbone)
    own = [layer for layer in source.layers if layer.name not in of_branches]
    layers = own[: len(backbone.model.layers)]
    shapes = [[tuple(weight.shape) for weight in layer.weights] for layer in layers]
    expected = [
        [tuple(weight.shape) for weight in layer.weights] for layer in backbone.model.layers
    ]
    if shapes != expected or source.input_shape != backbone.model.input_shape:
        raise ArtstyleError(
            f"The network of {origin} has another backbone than this one",
            received=f"{source.name} for images {source.input_shape[1:3]}",
            expected=f"{backbone.name} for images {backbone.model.input_shape[1:3]}",
            fix="set model.backbone and model.image_size_px as in that run",
        )
    # By position: Keras numbers unnamed layers by how many this process has built before.
    for layer, trained in zip(backbone.model.layers, layers, strict=True):
        layer.set_weights([np.asarray(value) for value in trained.get_weights()])
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
