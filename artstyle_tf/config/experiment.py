"""One root schema per workflow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from artstyle_tf.config.analysis import (
    ClassifierName,
    ClassifiersConfig,
    ClusteringConfig,
    FoldsConfig,
    ProjectionConfig,
)
from artstyle_tf.config.base import Fraction, NonNegativeInt, PositiveInt, Schema
from artstyle_tf.config.data import DataConfig
from artstyle_tf.config.metric_learning import MetricLearningConfig
from artstyle_tf.config.model import EmbeddingModelConfig, ImageSize, ModelConfig
from artstyle_tf.config.training import DirectTrainingConfig, FineTuningConfig
from artstyle_tf.visible_text import has_controls


def _one_folder_name(name: str) -> str:
    if has_controls(name):
        raise ValueError("should be a plain folder name: no control characters")
    if not name or name.startswith(".") or any(character in '/\\:*?"<>|\0' for character in name):
        raise ValueError('should be a plain folder name: no slash, no leading dot, none of :*?"<>|')
    return name


RunName = Annotated[str, AfterValidator(_one_folder_name)]


class EvaluationConfig(Schema):
    """How a trained network is judged beside its scores."""

    wanted_accuracy: Annotated[Fraction, Field(gt=0)] = 0.95


class CrossValidationConfig(Schema):
    """How cross-validation divides the pictures."""

    num_folds: Annotated[int, Field(ge=2)] = 5
    repeats: PositiveInt = 1
    schemes: tuple[Literal["random", "group"], ...] | None = None
    validation_share: Annotated[Fraction, Field(gt=0, le=0.5)] = 0.05
    with_test_split: bool = True


class TrainingExperiment(Schema):
    """What every training has: prepare the pictures, train a network, evaluate it."""

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


class EvaluateExperiment(Schema):
    """A finished run, measured on one of its splits or on another folder of style folders."""

    run: str | None = None
    images: str | None = None
    split: Literal["train", "val", "test"] | None = None
    outputs: str | None = None
    run_name: RunName | None = None
    batch_size: PositiveInt = 32


class AnalyzeExperiment(Schema):
    """Features of a run's network, or of a bare backbone, and what is found in them.

    Without `run`, `backbone`, `weights`, `image_size_px` and `data` say what is looked at.
    """

    run: str | None = None
    images: str | None = None
    backbone: str | None = None
    weights: str | None = "imagenet"
    image_size_px: ImageSize = 320
    data: DataConfig = DataConfig()
    layer: str = "pooled"
    outputs: str | None = None
    run_name: RunName | None = None
    seed: NonNegativeInt = 42
    batch_size: PositiveInt = 32
    most_pictures: Annotated[int, Field(ge=50)] = 20_000
    folds: FoldsConfig = FoldsConfig()
    depths: bool = True
    projection: ProjectionConfig = ProjectionConfig()
    clustering: ClusteringConfig = ClusteringConfig()
    classifiers: ClassifiersConfig | None = ClassifiersConfig()
    atlas: bool = True
    thumbnail_px: Annotated[int, Field(ge=16, le=256)] = 72


class CompareExperiment(Schema):
    """Runs and analyses, compared on the pictures that all of them were measured on."""

    runs: tuple[str, ...] = ()
    classifiers: tuple[ClassifierName, ...] | None = ("gradient_boosting",)
    outputs: str | None = None
    run_name: RunName | None = None
    # Intervals are computed and no longer drawn; older configs still name it.
    seed: NonNegativeInt = 0
    timed_pictures: PositiveInt = 32


class TrunkCacheExperiment(Schema):
    """What is kept of frozen blocks: shown, or cleared."""

    outputs: str = "outputs"
    folder: str | None = None
    clear: str | None = None
