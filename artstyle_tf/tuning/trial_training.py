"""Train one trial in a process of trials: no run, no figures, no test split."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.fold_images import clusters_of, folds_of
from artstyle_tf.evaluation.fold_training import train_fold
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.job import open_training
from artstyle_tf.tuning.kept_network import network_for
from artstyle_tf.tuning.settings import ObjectiveConfig
from artstyle_tf.tuning.study_images import images_of_folds
from artstyle_tf.tuning.trial_life import TrialLink
from artstyle_tf.tuning.trial_records import StudyImages

TrialJob = tuple[TrainingExperiment, ObjectiveConfig, StudyImages, bool]
"""Config, objective, the images of all trials, and whether predictions are returned."""


class _Result(NamedTuple):
    macro_f1: float
    labels: np.ndarray
    predictions: np.ndarray
    best_epoch: int | None


def train_trial(job: TrialJob, link: TrialLink) -> dict[str, Any]:
    """Train once, or on all folds.

    Returns:
        macro_f1, training_seconds; and if predictions are requested, these and the labels, N
        integers each, and the network's best epoch: 0 for its start, None on folds.
    """
    started = time.monotonic()
    config, objective, images, with_predictions = job
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        run = RunDirectory(Path(folder), Path(folder))
        if objective.scheme == "validation":
            found = _validate(config, images, run, link, with_predictions=with_predictions)
        else:
            found = _cross_validate(config, objective, images, run, link.report)
    result = {"macro_f1": found.macro_f1, "training_seconds": time.monotonic() - started}
    if with_predictions:
        result |= {
            "labels": found.labels.tolist(),
            "predictions": found.predictions.tolist(),
            "best_epoch": found.best_epoch,
        }
    return result


def _validate(
    config: TrainingExperiment,
    images: StudyImages,
    run: RunDirectory,
    link: TrialLink,
    *,
    with_predictions: bool,
) -> _Result:
    """Train on the training images and evaluate each epoch on the validation images.

    It is the training of a run, without what only the outputs of a run need.
    """
    kept = network_for(config, link.kept, num_classes=len(images.class_names))
    training = open_training(
        config,
        images.prepared,
        images.class_names,
        Invocation(),
        network=kept.network,
        with_test=False,
        cache=kept.cache,
    )
    # An exception of `report` ends the training. Epochs count from 1, through all phases.
    reporting = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: link.report(epoch + 1, float(logs["val_macro_f1"]))
    )
    trainer = training.train(
        run, score_only=True, further_callbacks=[reporting], traced=kept.traced
    )
    predictions = np.empty(0, int)
    if with_predictions:
        predictions = training.probabilities("val", 1.0).argmax(axis=1)
    labels = training.splits["val"].labels
    return _Result(trainer.best.score, labels, predictions, trainer.best.epoch)


def _cross_validate(
    config: TrainingExperiment,
    settings: ObjectiveConfig,
    shared: StudyImages,
    run: RunDirectory,
    report: Callable[[int, float], None],
) -> _Result:
    """Cross-validate on training and validation images; score all predictions together."""
    images = images_of_folds(config, shared)
    clusters = clusters_of(images.rows, settings.scheme)
    predictions = np.full(len(images.rows), -1)
    score = 0.0
    num_folds = settings.num_folds
    for fold in folds_of(config, images, clusters, settings.scheme, num_folds=num_folds):
        result = train_fold(
            config, fold, images, RunDirectory(run.path / fold.name, run.figures), Invocation()
        )
        predictions[result.positions] = result.probabilities.argmax(axis=1)
        is_predicted = predictions >= 0
        score = classification_summary(
            images.labels[is_predicted],
            predictions[is_predicted],
            num_classes=len(shared.class_names),
        )["macro_f1"]
        if fold.number < num_folds - 1:
            report(fold.number + 1, score)
    return _Result(score, images.labels, predictions, best_epoch=None)
