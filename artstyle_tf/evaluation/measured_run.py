"""The evaluation of a finished run on any images."""

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
    """A run that is evaluated by its logits, or by the neighbors of its embeddings.

    Args:
        run: its directory.
        trained: its config.
        class_names: C names.
        reporter: reports if fewer neighbors vote than configured.

    Attributes:
        votes: number of neighbors that vote; None for a classifier.
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
        self._gallery: Gallery | None = None
        self.votes: int | None = None
        if isinstance(trained, TripletExperiment):
            self._gallery = load_run_gallery(run)
            self.votes = num_votes(trained.training.num_neighbors, self._gallery, reporter)

    def evaluate(self, outputs: np.ndarray, images: SplitImages) -> Evaluation:
        """Score N images by the outputs of the network, float32 [N, D]."""
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
        """Write tables and figures; `where` as for `write_evaluation`."""
        gallery, names = self._gallery, self._class_names
        if gallery is None:
            write_evaluation(evaluation, images, names, **where)
            return
        show = self._gallery_loader(gallery)
        write_embedding_evaluation(evaluation, outputs, images, gallery, names, show=show, **where)

    def _gallery_loader(self, gallery: Gallery) -> Callable[[int], np.ndarray] | None:
        """Return position -> image of the gallery; None if the images are not available."""
        root = prepared_root(self._run, self._trained)
        # Only images of the run's table go into a figure, and only unchanged ones.
        table = self._run.read_images()
        digests = dict(zip(table["path"], table["digest"], strict=True))
        found = [file_below(root, path, digests.get(path, "")) for path in gallery.paths.tolist()]
        paths = [file for file in found if file is not None]
        if len(paths) < len(found):
            return None
        size_px, aspect = self._trained.model.image_size_px, self._trained.data.aspect
        store = ImageStore(paths, image_size_px=size_px, aspect=aspect)
        return lambda position: store.load(position).numpy()
