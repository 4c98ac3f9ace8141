"""A backbone with a cross-entropy head."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from artstyle_tf.models.backbones import Backbone

HEAD_NAME = "head"
"""Name of the last layer, by which a loaded classifier is taken apart again."""


@dataclass(frozen=True)
class Classifier:
    """The whole network and the parts that training handles separately.

    Attributes:
        model: float32 [B, S, S, 3] in 0..255 -> logits [B, C].
        backbone: pictures -> feature map; shares its layers with `model`.
        pooling, dropout, head: what follows the backbone, in this order.
    """

    model: keras.Model
    backbone: Backbone
    pooling: keras.layers.Layer
    dropout: keras.layers.Layer
    head: keras.layers.Dense

    def add_head(self, feature_map: keras.KerasTensor) -> keras.KerasTensor:
        """Feature map [B, H, W, C] -> logits, through the layers that `model` uses."""
        return self.head(self.dropout(self.pooling(feature_map)))


def build_classifier(
    backbone: Backbone, *, num_classes: int, dropout: float, seed: int
) -> Classifier:
    """Adds global average pooling, dropout and a dense layer that returns logits.

    Args:
        backbone: feature extractor.
        num_classes: number C of classes.
        dropout: share of the pooled features dropped in training, in [0, 1).
        seed: of the head's initial weights and of dropout.

    Returns:
        The classifier, all layers trainable.
    """
    pooling = keras.layers.GlobalAveragePooling2D(name="pooling")
    drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
    head = keras.layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name=HEAD_NAME,
    )
    inputs = backbone.model.input
    logits = head(drop(pooling(backbone.model.output)))
    model = keras.Model(inputs, logits, name=f"{backbone.model.name}_classifier")
    return Classifier(model, backbone, pooling, drop, head)


def build_feature_model(classifier: Classifier) -> keras.Model:
    """Pictures [B, S, S, 3] -> pooled features [B, D], sharing the classifier's layers."""
    pooled = classifier.pooling(classifier.backbone.model.output)
    return keras.Model(classifier.model.input, pooled, name="features")


def assign_head(classifier: Classifier, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Sets the head's weights.

    Args:
        classifier: whose head to set.
        kernel: float [D, C].
        bias: float [C].
    """
    classifier.head.kernel.assign(kernel)
    classifier.head.bias.assign(bias)
