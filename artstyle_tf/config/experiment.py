"""The settings of a training, composed of those of its rooms."""

from __future__ import annotations

from typing import Literal

from artstyle_tf.config.base import NonNegativeInt, RunName, Schema
from artstyle_tf.evaluation.settings import CrossValidationConfig, EvaluationConfig
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.models.settings import EmbeddingModelConfig, ModelConfig
from artstyle_tf.training.settings import (
    DirectTrainingConfig,
    FineTuningConfig,
    MetricLearningConfig,
)


class TrainingExperiment(Schema):
    """What every training has: prepare the images, train a network, evaluate it.

    Attributes:
        kind: what is trained; chooses among the settings of a verb that takes several.
        seed: seed of the head, the order of images and views, and dropout.
        outputs: folder of the results.
        run_name: folder name of the run; null for <kind>-<date>-<time>.
        data: the images, up to the batches.
        model: the network.
        training: how it is trained.
        evaluation: what is computed in addition to the scores.
        cross_validation: settings of `cross-validate`, which takes the same file.
        report: write report.html at the end.
    """

    kind: str
    seed: NonNegativeInt = 42
    outputs: str = "outputs"
    run_name: RunName | None = None
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: FineTuningConfig = FineTuningConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    cross_validation: CrossValidationConfig = CrossValidationConfig()
    report: bool = True


class DirectExperiment(TrainingExperiment):
    """The main job: a classifier."""

    # Narrower types are safe here, because schemas are frozen.
    kind: Literal["direct"] = "direct"  # pyright: ignore[reportIncompatibleVariableOverride]
    training: DirectTrainingConfig = DirectTrainingConfig()  # pyright: ignore[reportIncompatibleVariableOverride]


class TripletExperiment(TrainingExperiment):
    """Metric learning: an embedding in which similar styles lie together."""

    # Narrower types are safe here, because schemas are frozen.
    kind: Literal["triplet"] = "triplet"  # pyright: ignore[reportIncompatibleVariableOverride]
    model: EmbeddingModelConfig = EmbeddingModelConfig()  # pyright: ignore[reportIncompatibleVariableOverride]
    training: MetricLearningConfig = MetricLearningConfig()  # pyright: ignore[reportIncompatibleVariableOverride]


TRAINING_EXPERIMENTS: dict[str, type[TrainingExperiment]] = {
    "direct": DirectExperiment,
    "triplet": TripletExperiment,
}
