"""Trainings beside a training, of new networks on other parts of its images."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.images.split_images import SplitImages, join_images, select_images
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.training.cached_inputs import open_inputs
from artstyle_tf.training.epoch_selection import (
    EpochSelection,
    NoGroupFoldsError,
    divide_by_group,
    select_epoch,
)
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.trainer import Trainer

_FOLDER = "epoch_selection"


def select_epoch_on_new_groups(
    training: NetworkTraining[Any, Any], place: RunDirectory, *, resume: bool
) -> EpochSelection | None:
    """Select the number of epochs on training images of held-out groups.

    Args:
        place: of the training; histories and the scores of finished folds go into a folder of it.
        resume: use the folds that an interrupted selection has finished.

    Returns:
        The selection; None where the images have no groups, which is reported.
    """
    images, reporter = training.splits["train"], training.invocation.reporter
    try:
        folds = divide_by_group(images, training.class_names, seed=training.config.seed)
    except NoGroupFoldsError as error:
        reporter.info(f"The validation images select the epoch: {error}.")
        return None

    def train_part(
        numbers: np.ndarray, held_out: np.ndarray, name: str, num_epochs: int | None
    ) -> pd.DataFrame:
        splits = {"train": select_images(images, numbers), "val": select_images(images, held_out)}
        name = f"{_FOLDER}/{name}"
        _, trainer = _train_on(splits, training, place, name, stop_after=num_epochs)
        return trainer.history.table()

    folder = place.path / _FOLDER
    with training.invocation.stopwatch.stage("epoch_selection"):
        return select_epoch(
            images, folds, train_part, folder=folder, resume=resume, reporter=reporter
        )


def train_again(
    training: NetworkTraining[Any, Any], place: RunDirectory, *, num_epochs: int
) -> None:
    """Train a new network on training and validation images, and take its weights.

    Args:
        place: of the training; the history goes into a folder of it.
        num_epochs: epochs to train.
    """
    validation = training.splits["val"]
    # The scores on the validation images, which are among the training images here, have no effect.
    splits = {"train": join_images(training.splits["train"], validation), "val": validation}
    again, _ = _train_on(splits, training, place, "refit", stop_after=num_epochs)
    training.network.model.set_weights(again.network.model.get_weights())


def _train_on(
    splits: dict[str, SplitImages],
    training: NetworkTraining[Any, Any],
    place: RunDirectory,
    name: str,
    *,
    stop_after: int | None = None,
) -> tuple[NetworkTraining[Any, Any], Trainer]:
    """Train a new network as configured, with the history in a folder of the training."""
    gc.collect()  # the network of an earlier call
    config = training.config
    network = training.build_network(config, num_classes=len(training.class_names))
    inputs, decision = open_inputs(
        config,
        network,
        splits,
        training.order(config, splits["train"]),
        mode="always" if training.cache_decision.use else "never",
        reporter=training.invocation.reporter,
    )
    again = type(training)(
        config, network, splits, inputs, decision, training.class_names, training.invocation
    )
    folder = place.path / name
    folder.mkdir(parents=True, exist_ok=True)
    trainer = again.train(RunDirectory(folder, folder), score_only=True, stop_after=stop_after)
    return again, trainer
