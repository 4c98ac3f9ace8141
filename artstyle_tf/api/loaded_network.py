"""The network of a finished run: predictions, embeddings, nearest images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.images.preparation.image_loading import ImageLoader, load_ahead
from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.prediction.predictors import RunPredictor, predict_files
from artstyle_tf.prediction.run_graph import open_graph
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import own_images, prepared_root, rows_of_split
from artstyle_tf.runs.served_run import load_served_run
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import in_batches

_BATCH_SIZE = 16
_READING_THREADS = 2


class LoadedNetwork:
    """The network of a run, loaded once.

    Args:
        directory: of the run.

    Raises:
        ArtstyleError: if something is missing or damaged.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._run = load_served_run(directory)
        self._network = open_graph(self._run, directory)
        self._loader = ImageLoader(
            image_size_px=self._run.image_size_px,
            aspect=self._run.aspect,
            max_side_px=self._run.max_side_px,
        )
        self._reporter = Reporter()

    def predict(self, files: Sequence[Path], *, top_k: int) -> pd.DataFrame:
        """Predict one row per file; see `Run.predict`."""
        predicted = predict_files(
            RunPredictor(self._run, "tensorflow", self._network),
            files,
            batch_size=_BATCH_SIZE,
            reading_threads=_READING_THREADS,
        )
        tracked = self._reporter.track(predicted, total=len(files), description="Predicting")
        rows = [self._row(path, prediction, top_k) for path, prediction in tracked]
        columns = ["path", "label", "confidence", "accepted", "top", "unreadable"]
        return pd.DataFrame(rows, columns=columns)

    def _row(self, path: Path, prediction: Any, top_k: int) -> dict[str, Any]:
        if isinstance(prediction, str):
            return {"path": str(path), "unreadable": prediction}
        return {
            "path": str(path),
            "label": prediction.label,
            "confidence": prediction.confidence,
            "accepted": prediction.accepted,
            "top": prediction.top(top_k),
        }

    def embed(self, files: Sequence[Path]) -> np.ndarray:
        """Embed images, float32 [N, D]; see `Run.embed`."""
        batches = self._embed_in_batches(files)
        total = -(-len(files) // _BATCH_SIZE)
        tracked = self._reporter.track(
            batches, total=total, description="Embedding", unit="batches"
        )
        return np.concatenate(list(tracked))

    def _embed_in_batches(self, files: Sequence[Path]) -> Iterator[np.ndarray]:
        loaded = load_ahead(self._loader.load, files, num_threads=_READING_THREADS)
        for batch in in_batches(loaded, _BATCH_SIZE):
            pixels = [_readable(path, pixels) for path, pixels in batch]
            stacked = np.stack(pixels, dtype=np.float32, casting="safe")
            yield self._run.predictions_of(self._network(stacked)).embeddings

    def nearest(self, file: Path, *, k: int) -> pd.DataFrame:
        """Find the nearest training images; see `Run.nearest`."""
        embeddings, table = self._training_images
        (query,) = _of_length_1(self.embed([file]))
        distances = np.linalg.norm(embeddings - query, axis=1)
        order = np.argsort(distances, kind="stable")[:k]
        nearest = table.iloc[order].reset_index(drop=True)
        return nearest.assign(distance=distances[order])

    @cached_property
    def _training_images(self) -> tuple[np.ndarray, pd.DataFrame]:
        """Embeddings of length 1, and path and label of each image."""
        config = read_run_config(self._directory)
        gallery = self._run.gallery
        if gallery is not None:
            root = prepared_root(self._directory, config)
            labels = np.array(self._run.class_names)[gallery.labels]
            paths = [str(root / path) for path in gallery.paths]
            return gallery.embeddings, pd.DataFrame({"path": paths, "label": labels})
        rows = rows_of_split("train", self._directory)
        prepared = own_images(rows, self._directory, config)
        files = [prepared.root / path for path in prepared.manifest["path"]]
        table = pd.DataFrame(
            {"path": [str(file) for file in files], "label": prepared.manifest["label"].to_numpy()}
        )
        return _of_length_1(self.embed(files)), table


def _readable(path: Path, pixels: np.ndarray | UnreadableImageError) -> np.ndarray:
    if isinstance(pixels, UnreadableImageError):
        raise ArtstyleError(
            f"The image {path} cannot be read",
            received=pixels.reason,
            fix="leave it out, or replace the file",
        )
    return pixels


def _of_length_1(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, np.finfo(np.float32).tiny)
