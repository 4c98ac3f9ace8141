"""How an embedding learns: start, batches, losses, guard."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from artstyle_tf.config.base import (
    Fraction,
    LenientFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Schema,
)
from artstyle_tf.config.training import FineTuningConfig, LinearProbeConfig, PhaseConfig

MetricLossName = Literal["semi_hard", "batch_hard", "batch_all", "supervised_contrastive"]
DistanceName = Literal["l2", "squared_l2", "cosine"]


class MetricPhaseConfig(PhaseConfig):
    """A phase of progressive unfreezing with the loss it learns from."""

    loss: MetricLossName = "semi_hard"


class MetricLossConfig(Schema):
    """What the losses share. `margin: null` is the soft margin; the distance serves triplets."""

    margin: PositiveFloat | None = 0.2
    distance: DistanceName = "l2"
    temperature: PositiveFloat = 0.1


class BalancedBatchConfig(Schema):
    """A batch holds so many pictures of each of so many classes."""

    classes: Annotated[int, Field(ge=2)] = 8
    pictures_per_class: Annotated[int, Field(ge=2)] = 4
    separate_siblings: bool = True


class ProjectionStartConfig(LinearProbeConfig):
    """A linear probe and principal components, which initialise the projection."""

    share_of_components: NonNegativeFloat = 0.5


class CollapseGuardConfig(Schema):
    """When an epoch counts as a collapse, and how often training may begin it anew."""

    smallest_mean_distance: PositiveFloat = 0.3
    smallest_share_of_rank: Fraction = 0.3
    nearest_to_margin: Fraction = 0.05
    smallest_share_of_best_score: Fraction = 0.7
    learning_rate_factor: Annotated[LenientFloat, Field(gt=0, lt=1)] = 0.5
    most_alarms: NonNegativeInt = 4


class MetricLearningConfig(FineTuningConfig):
    """Training of an embedding."""

    batch: BalancedBatchConfig = BalancedBatchConfig()
    projection_start: ProjectionStartConfig | None = ProjectionStartConfig()
    phases: tuple[MetricPhaseConfig, ...] = ()  # pyright: ignore[reportIncompatibleVariableOverride]
    loss: MetricLossConfig = MetricLossConfig()
    collapse_guard: CollapseGuardConfig | None = CollapseGuardConfig()
    num_neighbours: PositiveInt = 5

    @model_validator(mode="after")
    def _something_to_do(self) -> MetricLearningConfig:
        if self.projection_start is None and not self.phases:
            raise ValueError("phases should not be empty when projection_start is null")
        if self.collapse_guard is not None and self.optimizer.ema_momentum is not None:
            raise ValueError(
                "collapse_guard and optimizer.ema_momentum exclude each other: set one to null"
            )
        return self
