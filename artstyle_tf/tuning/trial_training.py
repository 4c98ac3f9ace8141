"""The training of one trial, in a process of its own: no run, no figures, no test split."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.fold_images import clusters_of
from artstyle_tf.evaluation.fold_training import Fold, train_fold
from artstyle_tf.images.splits.folds import assign_folds, split_fold
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.job import open_training
from artstyle_tf.tuning.settings import ObjectiveConfig
from artstyle_tf.tuning.shared_images import StudyImages
from artstyle_tf.tuning.study_images import images_of_folds
from artstyle_tf.tuning.trial_life import TrialLink

TrialJob = tuple[TrainingExperiment, ObjectiveConfig, StudyImages, bool]
"""Config, what it is judged by, the images of all trials, and whether predictions are wanted."""


@dataclass(frozen=True)
class _Judged:
    macro_f1: float
    labels: np.ndarray
    predictions: np.ndarray
    best_epoch: int | None


def train_trial(job: TrialJob, link: TrialLink) -> dict[str, Any]:
    """Trains once, or on all folds.

    Returns:
        macro_f1, training_seconds; and if predictions are asked for, these and the labels, N
        integers each, and the epoch that the network is from: 0 for the start, None on folds.
    """
    started = time.monotonic()
    config, objective, images, wants_predictions = job
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        place = RunDirectory(Path(folder), Path(folder))
        if objective.scheme == "validation":
            judged = _validate(
                config, images, place, link.report, wants_predictions=wants_predictions
            )
        else:
            judged = _cross_validate(config, objective, images, place, link.report)
    result = {"macro_f1": judged.macro_f1, "training_seconds": time.monotonic() - started}
    if wants_predictions:
        result |= {
            "labels": judged.labels.tolist(),
            "predictions": judged.predictions.tolist(),
            "best_epoch": judged.best_epoch,
        }
    return result


def _validate(
    config: TrainingExperiment,
    images: StudyImages,
    place: RunDirectory,
    report: Callable[[int, float], None],
    *,
    wants_predictions: bool,
) -> _Judged:
    """The training images teach, the validation images judge each epoch.

    It is the training of a run, without all that is not needed to know how well it works.
    """
    training = open_training(
        config, images.prepared, images.class_names, Invocation(), with_test=False
    )
    # An exception of `report` ends the training. Epochs count from 1, through all phases.
    reporting = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: report(epoch + 1, float(logs["val_macro_f1"]))
    )
    trainer = training.train(place, score_only=True, further_callbacks=[reporting])
    predictions = np.empty(0, int)
    if wants_predictions:
        predictions = training.probabilities("val", 1.0).argmax(axis=1)
    labels = training.splits["val"].labels
    return _Judged(trainer.best.score, labels, predictions, trainer.best.epoch)


def _cross_validate(
    config: TrainingExperiment,
    settings: ObjectiveConfig,
    shared: StudyImages,
    place: RunDirectory,
    report: Callable[[int, float], None],
) -> _Judged:
    """Folds of the training and validation images; all predictions are scored together."""
    images = images_of_folds(config, shared)
    clusters = clusters_of(images.rows, settings.scheme)
    numbers = assign_folds(images.labels, clusters, num_folds=settings.num_folds, seed=config.seed)
    predictions = np.full(len(images.rows), -1)
    score = 0.0
    for number in range(settings.num_folds):
        splits = split_fold(
            images.labels,
            clusters,
            numbers,
            number,
            validation_fraction=config.cross_validation.validation_fraction,
            seed=config.seed,
        )
        fold = Fold(settings.scheme, 0, number, splits)
        home = RunDirectory(place.path / fold.name, place.figures)
        result = train_fold(config, fold, images, home, Invocation())
        predictions[result.positions] = result.probabilities.argmax(axis=1)
        judged = predictions >= 0
        score = classification_summary(
            images.labels[judged],
            predictions[judged],
            num_classes=len(shared.class_names),
        )["macro_f1"]
        if number < settings.num_folds - 1:
            report(number + 1, score)
    return _Judged(score, images.labels, predictions, best_epoch=None)
