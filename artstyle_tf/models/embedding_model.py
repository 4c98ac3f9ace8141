"""A backbone with a projection onto the unit sphere."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.features import Features, build_pooled_features
from artstyle_tf.models.network import Network
from artstyle_tf.models.style_head import SecondMoments, StylePooling
from artstyle_tf.system.errors import ArtstyleError


@dataclass(frozen=True)
class EmbeddingModel(Network):
    """A network whose outputs are embeddings float32 [B, D], rows of length 1.

    Attributes:
        head: dense layer, features -> embedding before it is normalized.
    """

    head: keras.layers.Dense


def build_embedding_model(
    backbone: Backbone,
    *,
    dimension: int,
    dropout: float,
    seed: int,
    features: Features | None = None,
) -> EmbeddingModel:
    """Adds dropout, a dense projection and L2 normalization.

    Args:
        backbone: feature extractor.
        dimension: D of the embedding.
        dropout: share of the features dropped in training, in [0, 1).
        seed: of the projection's initial weights and of dropout.
        features: what the projection reads, built on the backbone; None for its pooled top.

    Returns:
        The network, all layers trainable.
    """
    features = features or build_pooled_features(backbone)
    dropped = keras.layers.Dropout(dropout, seed=seed, name="dropout")(features.tensor)
    projection = keras.layers.Dense(
        dimension,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name="projection",
    )
    embedding = keras.layers.UnitNormalization(name="embedding")(projection(dropped))
    name = f"{backbone.model.name}_embedding"
    model = keras.Model(backbone.model.input, embedding, name=name)
    return EmbeddingModel(model, backbone, features, projection)


def copy_backbone_weights(source: keras.Model, backbone: Backbone, *, origin: str) -> None:
    """Gives a backbone the weights it has inside a trained network.

    Args:
        source: a network of this program: the backbone's layers, then what is put on them.
        backbone: of the same kind, for the same size of images.
        origin: where the network comes from, for the message.

    Raises:
        ArtstyleError: if the network was built on another backbone.
    """
    # The layers of style branches lie between those of the backbone.
    own = [x for x in source.layers if not isinstance(x, SecondMoments | StylePooling)]
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
