"""The training section of a config, unpacked into what the trainer takes."""

from __future__ import annotations

import numpy as np

from artstyle_tf.config.training import TrainingConfig
from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
from artstyle_tf.training.phases import Phase
from artstyle_tf.training.trainer import OptimizerSettings, TrainingPlan


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
