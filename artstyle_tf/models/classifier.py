"""A backbone with a cross-entropy head."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.features import Features, build_pooled_features
from artstyle_tf.models.network import Network

HEAD_NAME = "head"
"""Name of the last layer, by which a loaded classifier is taken apart again."""


@dataclass(frozen=True)
class Classifier(Network):
    """A network whose outputs are logits [B, C].

    Attributes:
        head: dense layer, features -> logits.
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
    """Adds dropout and a dense layer that returns logits.

    Args:
        backbone: feature extractor.
        num_classes: number C of classes.
        dropout: share of the features dropped in training, in [0, 1).
        seed: of the head's initial weights and of dropout.
        features: what the head reads, built on the backbone; None for its pooled top.

    Returns:
        The classifier, all layers trainable.
    """
    features = features or build_pooled_features(backbone)
    drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
    head = keras.layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name=HEAD_NAME,
    )
    name = f"{backbone.model.name}_classifier"
    model = keras.Model(backbone.model.input, head(drop(features.tensor)), name=name)
    return Classifier(model, backbone, features, head)


def assign_head(classifier: Classifier, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Sets the head's weights.

    Args:
        classifier: whose head to set.
        kernel: float [D, C].
        bias: float [C].
    """
    classifier.head.kernel.assign(kernel)
    classifier.head.bias.assign(bias)
