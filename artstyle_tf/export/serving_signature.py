"""A run as a TensorFlow module: what a server is asked, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from artstyle_tf.data.decoding import decode_unprepared_picture, resize_picture
from artstyle_tf.export.frozen_graph import FrozenGraph
from artstyle_tf.export.served_run import ServedRun
from artstyle_tf.metrics.neighbours import rank_weights
from artstyle_tf.training.gallery import Gallery

IMAGE_BYTES = "image_bytes"
"""Input of `serving_default`; a name that ends so makes TensorFlow Serving decode base64."""

PIXELS = "pixels"
"""Input of `from_pixels`."""

_HEADER_BYTES = 32
_MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8")
_24_BITS = b"\x18\0"
_ANIMATED = 2


class ServingModule(tf.Module):
    """Answers for pictures as a server gives them.

    `serving_default` takes image_bytes, string [B], files as they come; `from_pixels` takes pixels,
    float32 [B, S, S, 3] in 0..255. Both give a dictionary of
        label: string [B].
        probabilities: float32 [B, C], with the run's temperature.
        classes: string [B, C], whose probabilities these are; the same for every picture.
        confidence: float32 [B], the largest of them.
        embedding: float32 [B, D].
        accepted: bool [B], whether the run is sure enough to answer; if it is calibrated.
        neighbour_ids, neighbour_distances: string and float32 [B, k], if it has a gallery.

    A request that is empty or holds something that is no picture is refused as a whole, with the
    position of the first such thing.

    Args:
        run: what to serve.
        network: `run.network`, frozen.
        labels_file: asset, the class names, one a line.
    """

    def __init__(self, run: ServedRun, network: FrozenGraph, labels_file: Path) -> None:
        super().__init__()
        self.labels = tf.saved_model.Asset(str(labels_file))
        self._run = run
        self._network = network
        size = run.image_size_px
        self.serving_default = tf.function(
            self._answer_bytes, input_signature=[tf.TensorSpec([None], tf.string, IMAGE_BYTES)]
        )
        self.from_pixels = tf.function(
            self._answer_pixels,
            input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32, PIXELS)],
        )

    @property
    def signatures(self) -> dict[str, Any]:
        """What the saved model offers, by name."""
        return {"serving_default": self.serving_default, "from_pixels": self.from_pixels}

    def _answer_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        pictures = tf.map_fn(
            self._read,
            _only_pictures(_not_empty(image_bytes)),
            fn_output_signature=tf.TensorSpec([*self._shape], tf.uint8),
        )
        return self._answer(tf.cast(pictures, tf.float32))

    def _answer_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(_not_empty(pixels))

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (self._run.image_size_px, self._run.image_size_px, 3)

    def _read(self, image_bytes: tf.Tensor) -> tf.Tensor:
        return resize_picture(
            decode_unprepared_picture(image_bytes),
            image_size_px=self._run.image_size_px,
            aspect=self._run.aspect,
        )

    def _answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self._network.function(pixels)
        if self._run.gallery is None:
            logits, embedding = outputs
            probabilities = tf.nn.softmax(logits / self._run.temperature)
            return {**self._say(probabilities), "embedding": embedding}
        (embedding,) = outputs
        probabilities, neighbours = self._ask_neighbours(embedding, self._run.gallery)
        return {**self._say(probabilities), "embedding": embedding, **neighbours}

    def _say(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        confidence = tf.reduce_max(probabilities, axis=1)
        said = {
            "label": tf.gather(list(self._run.class_names), tf.argmax(probabilities, axis=1)),
            "probabilities": probabilities,
            "classes": tf.repeat(
                tf.constant([list(self._run.class_names)]), tf.shape(probabilities)[0], axis=0
            ),
            "confidence": confidence,
        }
        if self._run.calibration is not None:
            said["accepted"] = confidence >= self._run.calibration.lowest_accepted
        return said

    def _ask_neighbours(
        self, embedding: tf.Tensor, gallery: Gallery
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The vote of `metrics.neighbours.knn_probabilities`, and who has voted."""
        rows = tf.constant(gallery.embeddings)
        squared = (
            tf.reduce_sum(tf.square(embedding), axis=1, keepdims=True)
            + tf.reduce_sum(tf.square(rows), axis=1)
            - 2.0 * tf.matmul(embedding, rows, transpose_b=True)
        )
        # Of equally near ones the first: so `top_k` does, too.
        negative, positions = tf.math.top_k(-tf.maximum(squared, 0.0), k=self._run.votes)
        labels = tf.gather(gallery.labels, positions)
        is_of_class = tf.one_hot(labels, len(self._run.class_names), dtype=tf.float64)
        votes = tf.einsum("bkc,k->bc", is_of_class, tf.constant(rank_weights(self._run.votes)))
        shares = tf.cast(votes / tf.reduce_sum(votes, axis=1, keepdims=True), tf.float32)
        return shares, {
            "neighbour_ids": tf.gather(tf.constant(gallery.paths.astype(object)), positions),
            "neighbour_distances": tf.sqrt(-negative),
        }


def _not_empty(inputs: tf.Tensor) -> tf.Tensor:
    check = tf.debugging.assert_positive(
        tf.shape(inputs)[0], message="The request is empty. Expected: at least one picture"
    )
    return _after(check, inputs)


def _only_pictures(image_bytes: tf.Tensor) -> tf.Tensor:
    is_known = _is_known(image_bytes)
    first = tf.argmax(tf.cast(tf.logical_not(is_known), tf.int32))
    message = tf.strings.join(
        [
            "Input ",
            tf.strings.as_string(first),
            f" of {IMAGE_BYTES}, counted from 0, is no picture that is read here. Expected: bytes "
            "of a JPEG, PNG, GIF, WebP without animation or BMP of 24 bits; in JSON as base64",
        ]
    )
    return _after(tf.debugging.Assert(tf.reduce_all(is_known), [message]), image_bytes)


def _is_known(image_bytes: tf.Tensor) -> tf.Tensor:
    """Which files TensorFlow decodes rightly, seen from their first bytes: bool [B].

    TensorFlow 2.21 writes beyond its buffer at an animated WebP, which ends the server, takes the
    numbers of a BMP's palette for grey levels and the unused byte of 32 bits for transparency.
    """
    header = tf.strings.join(
        [tf.strings.substr(image_bytes, 0, _HEADER_BYTES), b"\0" * _HEADER_BYTES]
    )

    def has(position: int, mark: bytes) -> tf.Tensor:
        return tf.equal(tf.strings.substr(header, position, len(mark)), mark)

    # The container of WebP: RIFF, size, WEBP, VP8X, size, flags.
    flags = tf.io.decode_raw(tf.strings.substr(header, 20, 1), tf.uint8)[:, 0]
    is_animated = has(12, b"VP8X") & (
        tf.bitwise.bitwise_and(flags, tf.constant(_ANIMATED, tf.uint8)) > 0
    )
    is_known = has(0, b"RIFF") & has(8, b"WEBP") & ~is_animated
    is_known |= has(0, b"BM") & has(28, _24_BITS)
    for mark in _MARKS:
        is_known |= has(0, mark)
    return is_known


def _after(check: Any, inputs: tf.Tensor) -> tf.Tensor:
    """The inputs, but only after a check: TensorFlow runs what is independent in any order."""
    with tf.control_dependencies([check]):
        return tf.identity(inputs)
