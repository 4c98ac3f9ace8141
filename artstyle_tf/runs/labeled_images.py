"""Decoded images of a run, as its network reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artstyle_tf.images.split_images import read_splits
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import own_images, rows_of_split


@dataclass(frozen=True)
class LabeledImages:
    """Decoded images of a split.

    Attributes:
        images: uint8 [N, S, S, 3].
        labels: int32 [N], class ids.
    """

    images: np.ndarray
    labels: np.ndarray


def read_own_images(
    run_directory: RunDirectory, split: str, *, most: int | None = None, seed: int = 0
) -> LabeledImages:
    """Read the run's own images of a split, without augmented copies.

    Args:
        run_directory: of the run.
        split: train, val or test.
        most: size of a random sample; None for all images.
        seed: of the sample.

    Raises:
        ArtstyleError: if they are missing.
    """
    trained = read_run_config(run_directory)
    prepared = own_images(rows_of_split(split, run_directory), run_directory, trained)
    images = read_splits(
        prepared,
        run_directory.read_class_names(),
        trained.data,
        image_size_px=trained.model.image_size_px,
    )[split]
    numbers = np.arange(len(images))
    if most is not None and most < len(numbers):
        numbers = np.sort(np.random.default_rng(seed).choice(numbers, most, replace=False))
    pixels = [images.store.load(int(number)).numpy() for number in numbers]
    return LabeledImages(np.stack(pixels), images.labels[numbers])
