"""A finished run, ready to be measured on any images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment, TripletExperiment
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.runs.gallery import Gallery, load_run_gallery
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_images import file_below, prepared_root
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.embedding_evaluation import (
    evaluate_embeddings,
    num_votes,
    write_embedding_evaluation,
)
from artstyle_tf.training.evaluation import Evaluation, evaluate_logits, write_evaluation


class MeasuredRun:
    """A run that is measured by its logits, or by the neighbors of its embeddings.

    Args:
        run: its directory.
        trained: its config.
        class_names: C names.
        reporter: told if fewer neighbors vote than asked for.

    Attributes:
        votes: neighbors that vote; None for a classifier.
    """

    def __init__(
        self,
        run: RunDirectory,
        trained: TrainingExperiment,
        class_names: Sequence[str],
        reporter: Reporter,
    ) -> None:
        self._run, self._trained, self._class_names = run, trained, class_names
        self._calibration = run.read_calibration()
        is_triplet = isinstance(trained, TripletExperiment)
        self._gallery = load_run_gallery(run) if is_triplet else None
        self.votes: int | None = None
        if self._gallery is not None and isinstance(trained, TripletExperiment):
            self.votes = num_votes(trained.training.num_neighbors, self._gallery, reporter)

    def evaluate(self, outputs: np.ndarray, images: SplitImages) -> Evaluation:
        """Scores of N images by the outputs of the network, float32 [N, D]."""
        trained, gallery = self._trained, self._gallery
        if gallery is None or not isinstance(trained, TripletExperiment):
            return evaluate_logits(outputs, images, self._class_names, self._calibration)
        return evaluate_embeddings(
            outputs,
            images,
            gallery,
            self._class_names,
            num_neighbors=trained.training.num_neighbors,
            calibration=self._calibration,
        )

    def write(
        self, evaluation: Evaluation, outputs: np.ndarray, images: SplitImages, **where: Any
    ) -> None:
        """Writes tables and figures; `where` as for `write_evaluation`."""
        if self._gallery is None:
            write_evaluation(evaluation, images, self._class_names, **where)
            return
        show = _show_gallery(self._gallery, self._run, self._trained)
        write_embedding_evaluation(
            evaluation, outputs, images, self._gallery, self._class_names, show=show, **where
        )


def _show_gallery(
    gallery: Gallery, run_directory: RunDirectory, trained: TrainingExperiment
) -> Callable[[int], np.ndarray] | None:
    """How to look at the gallery's images; None if they are not here."""
    root = prepared_root(run_directory, trained)
    # Only what is in the run's table goes into a figure, and only as it was then.
    table = run_directory.read_images()
    digests = dict(zip(table["path"], table["digest"], strict=True))
    found = [file_below(root, path, digests.get(path, "")) for path in gallery.paths.tolist()]
    paths = [file for file in found if file is not None]
    if len(paths) < len(found):
        return None
    store = ImageStore(paths, image_size_px=trained.model.image_size_px, aspect=trained.data.aspect)
    return lambda position: store.load(position).numpy()
