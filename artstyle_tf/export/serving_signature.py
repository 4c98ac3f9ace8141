"""A run as a TensorFlow module with the signatures of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from artstyle_tf.export.batch_decoding import decode_batch
from artstyle_tf.export.served_signature import IMAGE_BYTES, OK, SERVING_DEFAULT, STATUS
from artstyle_tf.metrics.neighbors import rank_weights
from artstyle_tf.runs.gallery import Gallery
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

PIXELS = "pixels"
"""Input of `from_pixels`."""


class ServingModule(tf.Module):
    """Predictions of a run as served.

    `serving_default` takes image_bytes, string [B], contents of files; `from_pixels` takes pixels,
    float32 [B, S, S, 3] in 0..255. Both return a dictionary of
        label: string [B].
        probabilities: float32 [B, C], with the run's temperature.
        classes: string [B, C], class names in the order of the probabilities.
        confidence: float32 [B], the largest probability.
        embedding: float32 [B, D].
        accepted: bool [B], whether the confidence reaches the threshold; if calibrated.
        neighbor_ids, neighbor_distances: string and float32 [B, k], if it has a gallery.
    `serving_default` also returns
        status: string [B], `served_signature.OK` or why there is no prediction for this file. Then
            its label is "", it is not accepted, and all its numbers are 0.

    An empty request is refused.

    Args:
        run: the run to serve.
        network: `run.network`, frozen.
        labels_file: asset, the class names, one per line.
        max_pixels: larger images are rejected before they are decoded.
    """

    def __init__(
        self,
        run: ServedRun,
        network: FrozenGraph,
        labels_file: Path,
        *,
        max_pixels: int,
    ) -> None:
        super().__init__()
        self.labels = tf.saved_model.Asset(str(labels_file))
        self._max_pixels = max_pixels
        self._run = run
        self._network = network
        size = run.image_size_px
        self.serving_default = tf.function(
            self._predict_bytes, input_signature=[tf.TensorSpec([None], tf.string, IMAGE_BYTES)]
        )
        self.from_pixels = tf.function(
            self._predict_pixels,
            input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32, PIXELS)],
        )

    @property
    def signatures(self) -> dict[str, Any]:
        """The signatures of the SavedModel by name."""
        return {SERVING_DEFAULT: self.serving_default, "from_pixels": self.from_pixels}

    def _predict_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        status, images = decode_batch(
            _not_empty(image_bytes),
            image_size_px=self._run.image_size_px,
            aspect=self._run.aspect,
            max_pixels=self._max_pixels,
        )
        outputs = self._predict(tf.cast(images, tf.float32))
        return {**_only_where(tf.equal(status, OK), outputs), STATUS: status}

    def _predict_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._predict(_not_empty(pixels))

    def _predict(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        network_outputs = self._network.function(pixels)
        if self._run.gallery is None:
            logits, embedding = network_outputs
            probabilities = tf.nn.softmax(logits / self._run.temperature)
            return {**self._describe(probabilities), "embedding": embedding}
        (embedding,) = network_outputs
        probabilities, neighbors = self._knn_vote(embedding, self._run.gallery)
        return {**self._describe(probabilities), "embedding": embedding, **neighbors}

    def _describe(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        confidence = tf.reduce_max(probabilities, axis=1)
        described = {
            "label": tf.gather(list(self._run.class_names), tf.argmax(probabilities, axis=1)),
            "probabilities": probabilities,
            "classes": tf.repeat(
                tf.constant([list(self._run.class_names)]), tf.shape(probabilities)[0], axis=0
            ),
            "confidence": confidence,
        }
        if self._run.calibration is not None:
            described["accepted"] = confidence >= self._run.calibration.min_confidence
        return described

    def _knn_vote(
        self, embedding: tf.Tensor, gallery: Gallery
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Compute `metrics.neighbors.knn_probabilities`, and the neighbors that voted."""
        rows = tf.constant(gallery.embeddings)
        squared = (
            tf.reduce_sum(tf.square(embedding), axis=1, keepdims=True)
            + tf.reduce_sum(tf.square(rows), axis=1)
            - 2.0 * tf.matmul(embedding, rows, transpose_b=True)
        )
        # `top_k` also takes the first of equally near neighbors.
        negative, positions = tf.math.top_k(-tf.maximum(squared, 0.0), k=self._run.votes)
        labels = tf.gather(gallery.labels, positions)
        is_of_class = tf.one_hot(labels, len(self._run.class_names), dtype=tf.float64)
        votes = tf.einsum("bkc,k->bc", is_of_class, tf.constant(rank_weights(self._run.votes)))
        shares = tf.cast(votes / tf.reduce_sum(votes, axis=1, keepdims=True), tf.float32)
        return shares, {
            "neighbor_ids": tf.gather(tf.constant(gallery.paths.astype(object)), positions),
            "neighbor_distances": tf.sqrt(-negative),
        }


def _not_empty(inputs: tf.Tensor) -> tf.Tensor:
    check = tf.debugging.assert_positive(
        tf.shape(inputs)[0], message="The request is empty. Expected: at least one image"
    )
    return _after(check, inputs)


def _only_where(is_ok: tf.Tensor, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Set the rows that are not ok to zero, "" and False, except the class names."""
    masked = {}
    for name, values in outputs.items():
        rows = tf.reshape(is_ok, [-1] + [1] * (values.shape.rank - 1))
        masked[name] = (
            values if name == "classes" else tf.where(rows, values, tf.zeros_like(values))
        )
    return masked


def _after(check: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Return the inputs after a check: TensorFlow runs independent operations in any order."""
    with tf.control_dependencies([check]):
        return tf.identity(inputs)
