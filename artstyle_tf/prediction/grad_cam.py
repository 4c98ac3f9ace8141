"""Where in an image a network finds what speaks for its answer."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from artstyle_tf.models.features import POOLING_NAME
from artstyle_tf.models.style_head import SecondMoments

# From here on everything is shown as fully bright.
_BRIGHT = 0.99


class GradCam:
    """Heat maps over all feature maps that the head reads: the top, and those of style branches.

    Each map is multiplied with the gradient of the score at every position. The gradients go from
    the head to the map directly, not through the blocks above it, so that nothing counts twice. On
    a pooled top alone this is Grad-CAM.

    Args:
        model: pixels float32 [B, S, S, 3] in 0..255 -> [B, K], as a run has saved it.

    Source: Selvaraju et al. 2016, arXiv:1610.02391 (Grad-CAM); Draelos and Carin 2020,
    arXiv:2011.08891 (products at every position).
    """

    def __init__(self, model: keras.Model) -> None:
        readers = [model.get_layer(POOLING_NAME)]
        readers += [layer for layer in model.layers if isinstance(layer, SecondMoments)]
        # In a small network the top may also be a style block, which counts once.
        maps = list({id(layer.input): layer.input for layer in readers}.values())
        self._side_px = int(model.input_shape[1])
        self._to_maps = keras.Model(model.input, maps)
        self._to_outputs = keras.Model(maps, model.output)

    def heat_maps(self, pixels: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Says what speaks for a direction of the output.

        Args:
            pixels: float32 [B, S, S, 3] in 0..255.
            directions: float32 [B, K]; the score of an image is the product of its output with its
                direction: of a class, one at its logit; of an embedding, its neighbor's.

        Returns:
            float32 [B, S, S] in 0..1; all 0 where nothing speaks for it.
        """
        found = self._to_maps(pixels, training=False)
        maps = list(found) if isinstance(found, list | tuple) else [found]
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = self._to_outputs(maps, training=False)
            score = tf.reduce_sum(outputs * directions)
        total = tf.zeros([len(pixels), self._side_px, self._side_px, 1])
        for one, gradient in zip(maps, tape.gradient(score, maps), strict=True):
            heat = tf.reduce_sum(one * gradient, axis=-1, keepdims=True)
            # A small map has fewer positions, each of which stands for more of the image.
            heat *= float(one.shape[1] * one.shape[2])
            total += tf.image.resize(heat, [self._side_px, self._side_px])
        positive = np.maximum(tf.squeeze(total, axis=3).numpy(), 0.0)
        # Not the largest: one bright spot would leave the rest in the dark.
        bright = np.quantile(positive, _BRIGHT, axis=(1, 2), keepdims=True)
        largest = positive.max(axis=(1, 2), keepdims=True)
        scale = np.where(bright > 0, bright, np.where(largest > 0, largest, 1.0))
        return np.minimum(positive / scale, 1.0).astype(np.float32)
