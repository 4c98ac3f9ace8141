"""Grad-CAM: where in an image a network finds support for its prediction."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from artstyle_tf.models.features import MEAN_SUFFIX, POOLING_NAME
from artstyle_tf.models.style_head import SecondMoments
from artstyle_tf.models.tokens import PatchMap, TokenPooling
from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.runs.served_run import Predictions, ServedRun
from artstyle_tf.system.files import replaced_atomically

_BRIGHT = 0.99  # quantile that is displayed at full brightness


class GradCam:
    """Heat maps over all feature maps that the head reads: the top, and those of branches.

    Each map is multiplied with the gradient of the score at every position. The gradients go from
    the head to the map directly, not through the blocks above it, so that nothing counts twice. On
    a pooled top alone this is Grad-CAM.

    Args:
        model: pixels float32 [B, S, S, 3] in 0..255 -> [B, K], as a run has saved it.

    Source: Selvaraju et al. 2016, arXiv:1610.02391 (Grad-CAM); Draelos and Carin 2020,
    arXiv:2011.08891 (products at every position).
    """

    def __init__(self, model: keras.Model) -> None:
        top = model.get_layer(POOLING_NAME)
        branches = [
            layer
            for layer in model.layers
            if isinstance(layer, SecondMoments) or layer.name.endswith(MEAN_SUFFIX)
        ]
        # In a small network the top may also be a style block, which counts once.
        readers = list({id(layer.input): layer for layer in [*reversed(branches), top]}.values())
        readers.reverse()
        maps = [layer.input for layer in readers]
        self._as_maps = [
            PatchMap(layer.layout) if isinstance(layer, TokenPooling) else None for layer in readers
        ]
        self._side_px = int(model.input_shape[1])
        self._to_maps = keras.Model(model.input, maps)
        self._to_outputs = keras.Model(maps, model.output)

    def heat_maps(self, pixels: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Compute the support for a direction of the output.

        Args:
            pixels: float32 [B, S, S, 3] in 0..255.
            directions: float32 [B, K]; the score of an image is the product of its output with its
                direction: for a class, one at its logit; for an embedding, its neighbor's.

        Returns:
            float32 [B, S, S] in 0..1; all 0 without support.
        """
        found = self._to_maps(pixels, training=False)
        maps = list(found) if isinstance(found, list | tuple) else [found]
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = self._to_outputs(maps, training=False)
            score = tf.reduce_sum(outputs * directions)
        total = tf.zeros([len(pixels), self._side_px, self._side_px, 1])
        gradients = tape.gradient(score, maps)
        for one, gradient, as_map in zip(maps, gradients, self._as_maps, strict=True):
            products = one * gradient if as_map is None else as_map(one * gradient)
            heat = tf.reduce_sum(products, axis=-1, keepdims=True)
            # A small map has fewer positions, each of which covers more of the image.
            heat *= float(heat.numpy()[0].size)
            total += tf.image.resize(heat, [self._side_px, self._side_px])
        positive = np.maximum(tf.squeeze(total, axis=3).numpy(), 0.0)
        # A quantile, because one bright spot would leave the rest dark.
        bright = np.quantile(positive, _BRIGHT, axis=(1, 2), keepdims=True)
        largest = positive.max(axis=(1, 2), keepdims=True)
        scale = np.where(bright > 0, bright, np.where(largest > 0, largest, 1.0))
        return np.minimum(positive / scale, 1.0).astype(np.float32)


class GradCamOverlays:
    """Writer of one JPEG per image: the image next to its Grad-CAM overlay.

    Args:
        run: whose predictions are explained.
        folder: of the overlays; created when there is something to write.
    """

    def __init__(self, run: ServedRun, folder: Path) -> None:
        self._run = run
        self._folder = folder
        self._grad_cam = GradCam(keras.Model(run.network.input, run.network.outputs[0]))

    def write(self, paths: Sequence[Path], images: np.ndarray, found: Predictions) -> None:
        """Write the overlays of N images, uint8 [N, S, S, 3], for their predictions."""
        gallery = self._run.gallery
        if gallery is None or found.neighbors is None:
            directions = np.eye(len(self._run.class_names), dtype=np.float32)[found.predicted]
        else:
            directions = gallery.embeddings[found.neighbors.positions[:, 0]]
        heat_maps = self._grad_cam.heat_maps(images.astype(np.float32), directions)
        for path, image, heat in zip(paths, images, heat_maps, strict=True):
            shown = np.concatenate([image, overlay_heat(image, heat)], axis=1)
            # Images in different folders may have the same name.
            digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:8]
            file = self._folder / f"{path.stem}-{digest}.jpg"
            with replaced_atomically(file) as temporary:
                Image.fromarray(shown).save(temporary, quality=90)
