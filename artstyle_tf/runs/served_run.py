"""What answering needs of a finished run, whoever answers: this program or a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from artstyle_tf.images.reading.decoding import AspectPolicy
from artstyle_tf.metrics.calibration import Calibration, probabilities_of
from artstyle_tf.metrics.neighbors import Neighbors, knn_probabilities, nearest_neighbors
from artstyle_tf.models.features import POOLING_NAME
from artstyle_tf.models.network import HEAD_NAME
from artstyle_tf.runs.gallery import Gallery


@dataclass(frozen=True)
class Answers:
    """What a run says of N images.

    Attributes:
        probabilities: float32 [N, C], with the run's temperature; of a gallery, shares of votes.
        accepted: bool [N], whether the run is sure enough to answer; None for a run of before
            there was a threshold.
        embeddings: float32 [N, D].
        neighbors: the nearest k of the gallery; None without one.
    """

    probabilities: np.ndarray
    accepted: np.ndarray | None
    embeddings: np.ndarray
    neighbors: Neighbors | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def predicted(self) -> np.ndarray:
        """Most probable class: int64 [N]."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> np.ndarray:
        """Its probability: float32 [N]."""
        return self.probabilities.max(axis=1)


@dataclass(frozen=True)
class ServedRun:
    """A finished run, taken apart into what an image passes through.

    Attributes:
        name: of the run.
        network: float32 [B, S, S, 3] in 0..255 -> what `network_of` says.
        class_names: C names.
        image_size_px: S.
        aspect: how an image becomes a square.
        max_side_px: larger images were reduced to this when they were prepared, or None.
        calibration: temperature and threshold; None for a run of before there were any.
        gallery: where neighbors are looked for; None for a classifier.
        num_neighbors: k, which vote.
    """

    name: str
    network: keras.Model
    class_names: tuple[str, ...]
    image_size_px: int
    aspect: AspectPolicy
    max_side_px: int | None
    calibration: Calibration | None
    gallery: Gallery | None = None
    num_neighbors: int = 0

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of `network`."""
        return ("logits", "embedding") if self.gallery is None else ("embedding",)

    @property
    def temperature(self) -> float:
        """Logits are divided by it."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    @property
    def votes(self) -> int:
        """Neighbors that there are: a small gallery has fewer than k."""
        return 0 if self.gallery is None else min(self.num_neighbors, len(self.gallery))

    def answer(self, outputs: list[np.ndarray]) -> Answers:
        """Turns the outputs of `network` for N images into answers."""
        if self.gallery is None:
            logits, embeddings = outputs
            probabilities = probabilities_of(logits, self.temperature)
            return Answers(probabilities, self._accepted(probabilities), embeddings)
        (embeddings,) = outputs
        neighbors = nearest_neighbors(embeddings, self.gallery.embeddings, num_neighbors=self.votes)
        probabilities = knn_probabilities(
            neighbors, self.gallery.labels, num_classes=len(self.class_names)
        )
        return Answers(probabilities, self._accepted(probabilities), embeddings, neighbors)

    def answering_by(
        self, network: Callable[[np.ndarray], list[np.ndarray]]
    ) -> Callable[[np.ndarray], Answers]:
        """Pixels -> answers, where something else than Keras computes `network`."""
        return lambda pixels: self.answer(network(pixels))

    def _accepted(self, probabilities: np.ndarray) -> np.ndarray | None:
        if self.calibration is None:
            return None
        return self.calibration.accepts(probabilities.max(axis=1))


def network_of(model: keras.Model) -> keras.Model:
    """What a saved model says of an image, with everything that is served.

    Args:
        model: as a run has saved it.

    Returns:
        For a classifier a model with two outputs, logits [B, C] and the pooled top [B, D] as the
        image's embedding; an embedding model as it is.
    """
    if model.layers[-1].name != HEAD_NAME:
        return model
    pooled = model.get_layer(POOLING_NAME).output
    return keras.Model(model.input, [model.output, pooled], name=model.name)


def keras_network(network: keras.Model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """The network as Keras predicts, with which all other ways are compared.

    Returns:
        Function, pixels float32 [B, S, S, 3] -> one float32 array for each output.
    """

    def run(images: np.ndarray) -> list[np.ndarray]:
        outputs = network.predict_on_batch(images)
        return outputs if isinstance(outputs, list) else [outputs]

    return run
