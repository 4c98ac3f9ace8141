"""The training section of a config, unpacked into what the trainer takes."""

from __future__ import annotations

import numpy as np

from artstyle_tf.config.data import DataConfig
from artstyle_tf.config.training import TrainingConfig
from artstyle_tf.data.augmentation import augment_picture, seed_for
from artstyle_tf.data.batches import (
    AugmentationFunction,
    evaluation_batches,
    steps_per_epoch,
    training_batches,
)
from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
from artstyle_tf.training.phases import Phase
from artstyle_tf.training.trainer import OptimizerSettings, TrainingData, TrainingPlan
from artstyle_tf.workflows.split_pictures import SplitPictures


def unpack_training_plan(
    training: TrainingConfig, *, labels: np.ndarray, num_classes: int, seed: int
) -> TrainingPlan:
    """Config -> plan.

    Args:
        training: the config's section.
        labels: int [N] of the training pictures; class weights and priors come from them.
        num_classes: C.
        seed: of the run.
    """
    counts = np.bincount(labels, minlength=num_classes)
    adjusts = training.class_balance == "logit_adjustment"
    loss = LogitAdjustedCrossEntropy(
        class_counts=[int(count) for count in counts],
        tau=training.logit_adjustment_strength if adjusts else 0.0,
        label_smoothing=training.label_smoothing,
    )
    class_weight = None
    if training.class_balance == "class_weight":
        class_weight = {i: float(len(labels) / (num_classes * n)) for i, n in enumerate(counts)}
    return TrainingPlan(
        phases=unpack_phases(training),
        loss=loss,
        class_weight=class_weight,
        optimizer=OptimizerSettings(**training.optimizer.model_dump()),
        train_batch_normalisation=training.batch_normalisation == "trained",
        patience_epochs=training.early_stopping.patience_epochs,
        max_overfitting_gap=training.early_stopping.max_overfitting_gap,
        seed=seed,
    )


def unpack_phases(training: TrainingConfig) -> list[Phase]:
    """Config -> phases, in order."""
    return [
        Phase(
            num_unfrozen_blocks=None if phase.unfreeze_blocks == "all" else phase.unfreeze_blocks,
            epochs=phase.epochs,
            peak_learning_rate=phase.learning_rate,
            plateau_epochs=phase.plateau_epochs,
        )
        for phase in training.phases
    ]


def build_training_data(
    splits: dict[str, SplitPictures], data: DataConfig, *, batch_size: int, seed: int
) -> TrainingData:
    """Pictures -> batches for the trainer."""
    train, val = splits["train"], splits["val"]
    augment = _online_augmentation(data, train, seed)
    return TrainingData(
        batches_from=lambda first_epoch: training_batches(
            train.store,
            train.labels,
            batch_size=batch_size,
            seed=seed,
            first_epoch=first_epoch,
            augment=augment,
        ),
        steps_per_epoch=steps_per_epoch(len(train), batch_size),
        validation_batches=evaluation_batches(val.store, val.labels, batch_size=batch_size),
    )


def _online_augmentation(
    data: DataConfig, train: SplitPictures, seed: int
) -> AugmentationFunction | None:
    policy = data.online_augmentation
    if policy is None:
        return None
    # The digest, not the position, so that adding a picture leaves the others as they were.
    digests = train.rows["digest"].tolist()

    def augment(picture: np.ndarray, number: int, epoch: int) -> np.ndarray:
        return augment_picture(
            picture, policy=policy, seed=seed_for(seed, int(epoch), digests[number])
        )

    return augment
