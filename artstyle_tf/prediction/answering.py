"""Who answers for images: a run on this machine, or a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from artstyle_tf.export.formats.export_format import RunNetwork
from artstyle_tf.images.preparation.image_loading import ImageLoader, load_ahead
from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.prediction.grad_cam_overlays import GradCamOverlays
from artstyle_tf.runs.served_run import Answers, ServedRun
from artstyle_tf.system.threads import in_batches, map_in_threads


@dataclass(frozen=True)
class Prediction:
    """What is said of one image.

    Attributes:
        probabilities: float32 [C].
        class_names: of the classes.
        label: the most probable class.
        confidence: its probability.
        accepted: whether whoever answers is sure enough; None if there is no threshold.
        neighbors: id and distance of the nearest images of a gallery, the nearest first.
    """

    probabilities: np.ndarray
    class_names: tuple[str, ...]
    label: str
    confidence: float
    accepted: bool | None
    neighbors: tuple[tuple[str, float], ...] = ()

    def top(self, most: int) -> list[tuple[str, float]]:
        """The most probable classes, at most so many, with their probabilities."""
        order = self.probabilities.argsort(kind="stable")[::-1][:most]
        return [(self.class_names[number], float(self.probabilities[number])) for number in order]


class Answering(Protocol):
    """Somebody who is asked.

    Attributes:
        description: what decides about the answers, for the notes of an interrupted program.
        num_batches_at_once: threads that may ask at the same time.
    """

    description: dict[str, Any]
    num_batches_at_once: int

    def load(self, paths: Sequence[Path]) -> Sequence[Any]:
        """Reads images in a thread; an UnreadableImageError stands for what cannot be read."""
        ...

    def answer(self, paths: Sequence[Path], loaded: Sequence[Any]) -> list[Prediction | str]:
        """Answers for what was loaded from paths; a reason instead where there is no answer."""
        ...

    def close(self) -> None:
        """Lets go of whoever answers."""
        ...


def answer_files(
    answering: Answering, paths: Iterable[Path], *, batch_size: int, reading_threads: int
) -> Iterator[tuple[Path, Prediction | str]]:
    """Reads images and asks for them, batch by batch, both ahead of whoever takes the answers.

    Args:
        answering: that is asked.
        paths: of the images.
        batch_size: images of one question.
        reading_threads: at least 1.

    Yields:
        Path and prediction, or path and the reason why there is none, in the order of the paths.
    """
    loaded = load_ahead(answering.load, paths, num_threads=reading_threads)
    answered = map_in_threads(
        lambda batch: _answer_batch(answering, batch),
        in_batches(loaded, batch_size),
        num_threads=answering.num_batches_at_once,
        num_ahead=answering.num_batches_at_once + 1,
    )
    return itertools.chain.from_iterable(answered)


def _answer_batch(
    answering: Answering, batch: Sequence[tuple[Path, Any]]
) -> list[tuple[Path, Prediction | str]]:
    readable = [pair for pair in batch if not isinstance(pair[1], UnreadableImageError)]
    said = iter(answering.answer(*zip(*readable, strict=True)) if readable else [])
    return [
        (path, each.reason if isinstance(each, UnreadableImageError) else next(said))
        for path, each in batch
    ]


class RunAnswering:
    """A run on this machine.

    Args:
        run: that answers.
        runtime: name of what computes.
        network: the run's network in it.
        overlays: written beside; None for none.
    """

    def __init__(
        self,
        run: ServedRun,
        runtime: str,
        network: RunNetwork,
        overlays: GradCamOverlays | None = None,
    ) -> None:
        self.description = {"run": run.name, "runtime": runtime}
        # While one batch ends, and Python makes something of it, the cores compute the next one.
        self.num_batches_at_once = 2 if overlays is None else 1
        self._run = run
        self._network = network
        self._overlays = overlays
        self._loader = ImageLoader(
            image_size_px=run.image_size_px, aspect=run.aspect, max_side_px=run.max_side_px
        )

    def load(self, paths: Sequence[Path]) -> list[np.ndarray | UnreadableImageError]:
        """Pixels uint8 [S, S, 3]."""
        return self._loader.load(paths)

    def answer(self, paths: Sequence[Path], loaded: Sequence[np.ndarray]) -> list[Prediction | str]:
        """One prediction an image."""
        images = np.stack(loaded, dtype=np.float32, casting="safe")
        answers = self._run.answer(self._network(images))
        if self._overlays is not None:
            self._overlays.write(paths, np.stack(loaded), answers)
        return [
            Prediction(
                probabilities=answers.probabilities[row],
                class_names=self._run.class_names,
                label=self._run.class_names[answers.predicted[row]],
                confidence=float(answers.confidences[row]),
                accepted=None if answers.accepted is None else bool(answers.accepted[row]),
                neighbors=self._neighbors(answers, row),
            )
            for row in range(len(answers))
        ]

    def close(self) -> None:
        """Nothing is held."""

    def _neighbors(self, answers: Answers, row: int) -> tuple[tuple[str, float], ...]:
        if self._run.gallery is None or answers.neighbors is None:
            return ()
        ids = self._run.gallery.paths[answers.neighbors.positions[row]]
        return tuple(zip(ids.tolist(), answers.neighbors.distances[row].tolist(), strict=True))
