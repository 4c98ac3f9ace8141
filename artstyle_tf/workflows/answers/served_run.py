"""A run's directory -> what answering needs of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.export.served_run import ServedRun, network_of
from artstyle_tf.training.gallery import load_run_gallery
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.run_finding import read_run_config
from artstyle_tf.workflows.run_pictures import own_pictures, rows_of_split
from artstyle_tf.workflows.split_pictures import read_splits
from artstyle_tf.workflows.training_run import load_run_model


def load_served_run(run_directory: RunDirectory) -> ServedRun:
    """Reads a finished run.

    Raises:
        ArtstyleError: if something is missing or damaged.
    """
    trained = read_run_config(run_directory)
    is_triplet = isinstance(trained, TripletExperiment)
    # The network comes last: it takes longest to read.
    class_names = run_directory.read_class_names()
    calibration = run_directory.read_calibration()
    gallery = load_run_gallery(run_directory) if is_triplet else None
    return ServedRun(
        name=run_directory.path.name,
        network=network_of(load_run_model(run_directory, trained)),
        class_names=class_names,
        image_size_px=trained.model.image_size_px,
        aspect=trained.data.aspect,
        max_side_px=trained.data.max_side_px,
        calibration=calibration,
        gallery=gallery,
        num_neighbours=trained.training.num_neighbours if is_triplet else 0,
    )


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures of a run's split, decoded.

    Attributes:
        pictures: uint8 [N, S, S, 3].
        labels: int32 [N], class ids.
    """

    pictures: np.ndarray
    labels: np.ndarray


def read_own_pictures(
    run_directory: RunDirectory, split: str, *, most: int | None = None, seed: int = 0
) -> LabelledPictures:
    """Reads the run's own pictures of a split, without augmented copies.

    Args:
        run_directory: of the run.
        split: train, val or test.
        most: so many are drawn; None for all.
        seed: of the drawing.

    Raises:
        ArtstyleError: if they are not here any more.
    """
    trained = read_run_config(run_directory)
    prepared = own_pictures(rows_of_split(split, run_directory), run_directory, trained)
    pictures = read_splits(
        prepared,
        run_directory.read_class_names(),
        trained.data,
        image_size_px=trained.model.image_size_px,
    )[split]
    numbers = np.arange(len(pictures))
    if most is not None and most < len(numbers):
        numbers = np.sort(np.random.default_rng(seed).choice(numbers, most, replace=False))
    pixels = [pictures.store.load(int(number)).numpy() for number in numbers]
    return LabelledPictures(np.stack(pixels), pictures.labels[numbers])
