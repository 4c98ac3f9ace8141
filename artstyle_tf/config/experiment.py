"""One root schema per workflow."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from artstyle_tf.config.base import Fraction, NonNegativeInt, PositiveInt, Schema
from artstyle_tf.config.data import DataConfig
from artstyle_tf.config.metric_learning import MetricLearningConfig
from artstyle_tf.config.model import EmbeddingModelConfig, ModelConfig
from artstyle_tf.config.training import DirectTrainingConfig, FineTuningConfig


def _one_folder_name(name: str) -> str:
    if not name or name.startswith(".") or any(character in '/\\:*?"<>|\0' for character in name):
        raise ValueError('should be a plain folder name: no slash, no leading dot, none of :*?"<>|')
    return name


RunName = Annotated[str, AfterValidator(_one_folder_name)]


class EvaluationConfig(Schema):
    """How a trained network is judged beside its scores."""

    wanted_accuracy: Annotated[Fraction, Field(gt=0)] = 0.95


class TrainingExperiment(Schema):
    """What every training has: prepare the pictures, train a network, evaluate it."""

    kind: ClassVar[str] = "network"

    seed: NonNegativeInt = 42
    outputs: str = "outputs"
    run_name: RunName | None = None
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: FineTuningConfig = FineTuningConfig()
    evaluation: EvaluationConfig = EvaluationConfig()


class DirectExperiment(TrainingExperiment):
    """The main job: a classifier."""

    kind: ClassVar[str] = "direct"

    # Narrower types are safe here, because schemas are frozen.
    training: DirectTrainingConfig = DirectTrainingConfig()  # pyright: ignore[reportIncompatibleVariableOverride]


class TripletExperiment(TrainingExperiment):
    """Metric learning: an embedding in which similar styles lie together."""

    kind: ClassVar[str] = "triplet"

    # Narrower types are safe here, because schemas are frozen.
    model: EmbeddingModelConfig = EmbeddingModelConfig()  # pyright: ignore[reportIncompatibleVariableOverride]
    training: MetricLearningConfig = MetricLearningConfig()  # pyright: ignore[reportIncompatibleVariableOverride]


TRAINING_EXPERIMENTS: dict[str, type[TrainingExperiment]] = {
    experiment.kind: experiment for experiment in (DirectExperiment, TripletExperiment)
}


class EvaluateExperiment(Schema):
    """A finished run, measured on one of its splits or on another folder of style folders."""

    run: str | None = None
    images: str | None = None
    split: Literal["train", "val", "test"] | None = None
    outputs: str | None = None
    run_name: RunName | None = None
    batch_size: PositiveInt = 32


class TrunkCacheExperiment(Schema):
    """What is kept of frozen blocks: shown, or cleared."""

    outputs: str = "outputs"
    folder: str | None = None
    clear: str | None = None
