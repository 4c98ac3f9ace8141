"""Agreement of an exported network with the Keras model, its size and its speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.runs.served_run import Predictions

Predictor = Callable[[np.ndarray], Predictions]
"""Pixels float32 [B, S, S, 3] in 0..255 -> predictions."""

_BATCH_SIZE = 16


@dataclass(frozen=True)
class Agreement:
    """Agreement of predictions with the Keras model on the same N images.

    Attributes:
        labels: fraction of the images with the same label.
        largest_difference: largest absolute difference of a probability.
        macro_f1: of these predictions.
        macro_f1_of_keras: of the Keras model.
    """

    labels: float
    largest_difference: float
    macro_f1: float
    macro_f1_of_keras: float

    @property
    def macro_f1_lost(self) -> float:
        """Macro-F1 of the Keras model minus macro-F1 of these predictions."""
        return self.macro_f1_of_keras - self.macro_f1


def predict_all(predictor: Predictor, images: np.ndarray) -> np.ndarray:
    """Predict probabilities batch by batch.

    Args:
        predictor: of one batch.
        images: uint8 [N, S, S, 3].

    Returns:
        float32 [N, C].
    """
    return np.concatenate(
        [predictor(batch).probabilities for batch in _batches(images, len(images))]
    )


def compare_predictions(
    probabilities: np.ndarray, expected: np.ndarray, labels: np.ndarray
) -> Agreement:
    """Compare predictions with those of the Keras model.

    Args:
        probabilities: float [N, C].
        expected: float [N, C], of the Keras model.
        labels: int [N], the true classes.
    """
    num_classes = expected.shape[1]
    found, target = probabilities.argmax(axis=1), expected.argmax(axis=1)
    return Agreement(
        labels=float(np.mean(found == target)),
        largest_difference=float(np.abs(probabilities - expected).max()),
        macro_f1=_macro_f1(labels, found, num_classes),
        macro_f1_of_keras=_macro_f1(labels, target, num_classes),
    )


def images_per_second(
    candidates: Mapping[str, Predictor], images: np.ndarray, *, num_rounds: int
) -> dict[str, float]:
    """Measure the throughput of candidates in alternation.

    Measurements alternate, so that other load on the machine affects all formats equally.

    Args:
        candidates: by name.
        images: uint8 [N, S, S, 3], one batch or more.
        num_rounds: measured batches per candidate, after one warm-up batch.

    Returns:
        Median over the rounds, by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    (batch,) = _batches(images, _BATCH_SIZE)
    for _ in range(num_rounds + 1):
        for name, predictor in candidates.items():
            start = time.perf_counter()
            predictor(batch)
            seconds[name].append(time.perf_counter() - start)
    return {name: len(batch) / float(np.median(taken[1:])) for name, taken in seconds.items()}


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _macro_f1(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> float:
    return classification_summary(labels, predicted, num_classes=num_classes)["macro_f1"]


def _batches(images: np.ndarray, count: int) -> list[np.ndarray]:
    return [
        images[start : min(start + _BATCH_SIZE, count)].astype(np.float32)
        for start in range(0, min(count, len(images)), _BATCH_SIZE)
    ]
