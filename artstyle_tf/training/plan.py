"""Sections of a config, unpacked into what models and trainer take."""

from __future__ import annotations

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.features import Features, build_pooled_features, build_style_features
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.training.phases import Phase
from artstyle_tf.training.settings import FineTuningConfig
from artstyle_tf.training.trainer import OptimizerSettings, TrainingPlan


def unpack_training_plan(training: FineTuningConfig, *, seed: int) -> TrainingPlan:
    """Config -> plan.

    Args:
        training: the config's section.
        seed: of the run.
    """
    return TrainingPlan(
        phases=unpack_phases(training),
        optimizer=OptimizerSettings(**training.optimizer.model_dump()),
        train_batch_normalisation=training.batch_normalisation == "trained",
        patience_epochs=training.early_stopping.patience_epochs,
        max_overfitting_gap=training.early_stopping.max_overfitting_gap,
        seed=seed,
    )


def unpack_features(model: ModelConfig, backbone: Backbone) -> Features:
    """Config -> what the head reads of the backbone.

    Raises:
        ArtstyleError: if the backbone lacks a block that is asked for.
    """
    if model.head == "pooled":
        return build_pooled_features(backbone)
    return build_style_features(backbone, blocks=model.style.blocks, width=model.style.width)


def unpack_phases(training: FineTuningConfig) -> list[Phase]:
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
