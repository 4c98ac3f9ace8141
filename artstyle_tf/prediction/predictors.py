"""Predict images with a run on this machine, or with a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from artstyle_tf.export.formats.export_format import RunNetwork
from artstyle_tf.export.served_signature import OK, STATUS
from artstyle_tf.images.preparation.image_loading import ImageLoader, load_ahead, load_prepared
from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.prediction.grad_cam import GradCamOverlays
from artstyle_tf.prediction.server.rest_client import RequestRefused, RestClient, plain_message
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.system.threads import in_batches, map_in_threads


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image.

    Attributes:
        probabilities: float32 [C].
        class_names: of the classes.
        label: the most probable class.
        confidence: its probability.
        accepted: whether the confidence reaches the model's threshold; None without a threshold.
        neighbors: id and distance of the nearest images of a gallery, nearest first.
    """

    probabilities: np.ndarray
    class_names: tuple[str, ...]
    label: str
    confidence: float
    accepted: bool | None
    neighbors: tuple[tuple[str, float], ...] = ()

    def top(self, most: int) -> list[tuple[str, float]]:
        """Return the most probable classes, at most so many, with their probabilities."""
        order = self.probabilities.argsort(kind="stable")[::-1][:most]
        return [(self.class_names[number], float(self.probabilities[number])) for number in order]


class Predictor(Protocol):
    """A source of predictions.

    Attributes:
        description: what the predictions depend on; stored to continue an interrupted program.
        num_batches_at_once: threads that may call `predict` at the same time.
    """

    description: dict[str, Any]
    num_batches_at_once: int

    def load(self, paths: Sequence[Path]) -> Sequence[Any]:
        """Read images in a thread; return an UnreadableImageError for unreadable ones."""
        ...

    def predict(self, paths: Sequence[Path], loaded: Sequence[Any]) -> list[Prediction | str]:
        """Predict what was loaded from paths; return a reason where there is no prediction."""
        ...

    def close(self) -> None:
        """Release resources."""
        ...


def predict_files(
    predictor: Predictor, paths: Iterable[Path], *, batch_size: int, reading_threads: int
) -> Iterator[tuple[Path, Prediction | str]]:
    """Read and predict images batch by batch, both ahead of the caller.

    Yields:
        Path and prediction, or path and the reason why there is none, in the order of the paths.
    """
    loaded = load_ahead(predictor.load, paths, num_threads=reading_threads)
    predicted = map_in_threads(
        lambda batch: _predict_batch(predictor, batch),
        in_batches(loaded, batch_size),
        num_threads=predictor.num_batches_at_once,
        num_ahead=predictor.num_batches_at_once + 1,
    )
    return itertools.chain.from_iterable(predicted)


def _predict_batch(
    predictor: Predictor, batch: Sequence[tuple[Path, Any]]
) -> list[tuple[Path, Prediction | str]]:
    readable = [pair for pair in batch if not isinstance(pair[1], UnreadableImageError)]
    predictions = iter(predictor.predict(*zip(*readable, strict=True)) if readable else [])
    return [
        (path, image.reason if isinstance(image, UnreadableImageError) else next(predictions))
        for path, image in batch
    ]


class RunPredictor:
    """Predicts with a run on this machine.

    Args:
        run: whose gallery, temperature and threshold are applied.
        runtime: name of the runtime.
        network: the run's network in this runtime.
        overlays: Grad-CAM overlays, written for each batch; None for none.
    """

    def __init__(
        self,
        run: ServedRun,
        runtime: str,
        network: RunNetwork,
        overlays: GradCamOverlays | None = None,
    ) -> None:
        self.description = {"run": run.name, "runtime": runtime}
        # While Python processes the results of one batch, the cores compute the next one.
        self.num_batches_at_once = 2 if overlays is None else 1
        self._run = run
        self._network = network
        self._overlays = overlays
        self._loader = ImageLoader(
            image_size_px=run.image_size_px, aspect=run.aspect, max_side_px=run.max_side_px
        )

    def load(self, paths: Sequence[Path]) -> list[np.ndarray | UnreadableImageError]:
        """Read pixels, uint8 [S, S, 3]."""
        return self._loader.load(paths)

    def predict(
        self, paths: Sequence[Path], loaded: Sequence[np.ndarray]
    ) -> list[Prediction | str]:
        """Return one prediction per image."""
        images = np.stack(loaded, dtype=np.float32, casting="safe")
        found = self._run.predictions_of(self._network(images))
        if self._overlays is not None:
            self._overlays.write(paths, np.stack(loaded), found)
        neighbors: list[tuple[tuple[str, float], ...]] = [()] * len(found)
        if self._run.gallery is not None and found.neighbors is not None:
            ids = self._run.gallery.paths[found.neighbors.positions].tolist()
            distances = found.neighbors.distances.tolist()
            neighbors = [tuple(zip(*row, strict=True)) for row in zip(ids, distances, strict=True)]
        return [
            Prediction(
                probabilities=found.probabilities[row],
                class_names=self._run.class_names,
                label=self._run.class_names[found.predicted[row]],
                confidence=float(found.confidences[row]),
                accepted=None if found.accepted is None else bool(found.accepted[row]),
                neighbors=neighbors[row],
            )
            for row in range(len(found))
        ]

    def close(self) -> None:
        """Do nothing: no resources are held."""


ServedOutputs = dict[str, np.ndarray]
"""The outputs for one image: `RestClient.predict` without the first axis."""


class ServerPredictor:
    """Predicts with a server, which receives image files prepared like training images.

    The server cannot read every format; preparation here gives the predictions of its run.

    Args:
        client: of the server; its signature is requested at once.
        url: of the server.
    """

    def __init__(self, client: RestClient, url: str) -> None:
        self.description: dict[str, Any] = {"server": url, "signature": str(client.signature())}
        self.num_batches_at_once = 1  # a connection serves one request at a time
        self._client = client
        # A signature does not contain the size to which the run reduced large images.
        self._max_side_px = DataConfig().max_side_px

    def load(self, paths: Sequence[Path]) -> list[bytes | UnreadableImageError]:
        """Read and prepare files."""
        return load_prepared(paths, max_side_px=self._max_side_px)

    def predict(self, paths: Sequence[Path], loaded: Sequence[bytes]) -> list[Prediction | str]:
        """Return one prediction per image, or the server's reason for refusing it."""
        del paths
        found = predict_each(self._client, list(loaded))
        return [each if isinstance(each, str) else _prediction(each) for each in found]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def predict_each(client: RestClient, images: list[bytes]) -> list[ServedOutputs | str]:
    """Predict a batch; if it is refused, halve it until the bad image is alone.

    A server whose export returns a status predicts the other images itself; exports of earlier
    versions refuse the batch. One bad image among B costs about 2 log2(B) more requests.

    Args:
        client: of the server.
        images: contents of B files.

    Returns:
        For each image its outputs, or the server's reason why there are none.

    Raises:
        ArtstyleError: if the server cannot be reached or its responses are invalid.
    """
    if not images:
        return []
    try:
        return _rows(client.predict(images))
    except RequestRefused:
        if len(images) == 1:
            return [_predict_again(client, images[0])]
    middle = len(images) // 2
    return predict_each(client, images[:middle]) + predict_each(client, images[middle:])


def _predict_again(client: RestClient, image: bytes) -> ServedOutputs | str:
    """Predict one image again after it was refused.

    A server that batches requests of several clients refuses all of them for one bad image, so the
    image of another client may be the reason; twice in a row is unlikely.
    """
    try:
        return _rows(client.predict([image]))[0]
    except RequestRefused as refused:
        return refused.message


def _rows(outputs: dict[str, np.ndarray]) -> list[ServedOutputs | str]:
    count = len(outputs["label"])
    statuses = outputs[STATUS].tolist() if STATUS in outputs else [OK] * count
    return [
        {name: values[row] for name, values in outputs.items()}
        if status == OK
        else plain_message(status)
        for row, status in enumerate(statuses)
    ]


def _prediction(outputs: ServedOutputs) -> Prediction:
    neighbors: tuple[tuple[str, float], ...] = ()
    if "neighbor_ids" in outputs:
        ids, distances = outputs["neighbor_ids"].tolist(), outputs["neighbor_distances"].tolist()
        neighbors = tuple(zip(ids, distances, strict=True))
    return Prediction(
        probabilities=outputs["probabilities"],
        class_names=tuple(outputs["classes"].tolist()),
        label=str(outputs["label"]),
        confidence=float(outputs["confidence"]),
        accepted=bool(outputs["accepted"]) if "accepted" in outputs else None,
        neighbors=neighbors,
    )
