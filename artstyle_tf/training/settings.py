"""Settings of trainings: start, phases, optimizer, stopping, and those of embeddings only."""

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
from artstyle_tf.heads.settings import LinearProbeConfig, ProjectionInitConfig
from artstyle_tf.losses.settings import MetricLossConfig, MetricLossName
from artstyle_tf.trunk_cache.settings import TrunkCacheConfig


class PhaseConfig(Schema):
    """One phase of progressive unfreezing.

    Attributes:
        unfreeze_blocks: blocks that learn, counted from the top of the backbone; 0 trains the head
            alone, "all" trains everything down to the stem.
        epochs: largest number of epochs.
        learning_rate: learning rate of the head after the warm-up.
        plateau_epochs: ends the phase after so many epochs without a better validation macro-F1;
            null uses all of its epochs.
    """

    unfreeze_blocks: NonNegativeInt | Literal["all"]
    epochs: PositiveInt
    learning_rate: PositiveFloat
    plateau_epochs: PositiveInt | None = None

    @property
    def boundary(self) -> int | None:
        """Number of blocks above the frozen ones; None if the stem is trained, too."""
        return None if self.unfreeze_blocks == "all" else self.unfreeze_blocks

    @property
    def name(self) -> str:
        """Short name for the history and the figures."""
        if self.unfreeze_blocks == 0:
            return "head"
        if self.unfreeze_blocks == "all":
            return "all blocks"
        return f"top {self.unfreeze_blocks} block{'s' if self.unfreeze_blocks > 1 else ''}"

    @property
    def summary(self) -> str:
        """Name and length of the phase, for plans of a run."""
        return f"{self.name}, {self.epochs} epochs"


class OptimizerConfig(Schema):
    """AdamW with warm-up, cosine annealing over all phases, and smaller steps deeper down.

    Attributes:
        weight_decay: decoupled decay of kernels.
        clip_norm: largest global norm of a gradient; null for no limit.
        warmup_fraction: fraction of all steps until the peak learning rate.
        final_learning_rate_fraction: learning rate of the last step, as a fraction of the peak.
        layer_decay: factor on the learning rate for each block further down.
        ema_momentum: momentum of the moving average of the weights; null to use the weights
            themselves.
    """

    weight_decay: NonNegativeFloat = 0.05
    clip_norm: PositiveFloat | None = 1.0
    warmup_fraction: Fraction = 0.1
    final_learning_rate_fraction: Fraction = 0.0
    layer_decay: Annotated[LenientFloat, Field(gt=0, le=1)] = 1.0
    ema_momentum: Annotated[LenientFloat, Field(gt=0, lt=1)] | None = None


class EarlyStoppingConfig(Schema):
    """When to stop before the plan is done; null switches a rule off.

    Attributes:
        patience_epochs: epochs without a better validation macro-F1.
        max_overfitting_gap: largest training minus validation macro-F1.
    """

    patience_epochs: PositiveInt | None = None
    max_overfitting_gap: PositiveFloat | None = None


class MlflowConfig(Schema):
    """Where a finished run is logged.

    Attributes:
        tracking_uri: address or file; null for the default of MLflow.
        experiment: name of the MLflow experiment.
    """

    tracking_uri: str | None = None
    experiment: str = "artstyle_tf"


class FineTuningConfig(Schema):
    """Settings of every kind of training.

    Attributes:
        phases: phases of progressive unfreezing, in order; none leaves the backbone frozen.
        batch_norm: `frozen` keeps the statistics of the backbone, `trained` updates them.
        optimizer: optimizer of the phases.
        early_stopping: rules that end training before its plan is done.
        trunk_cache: activations of frozen blocks, kept for all runs.
        tensorboard: write scalars, confusion matrix and projector files; auto where it is
            installed.
        mlflow: log the finished run to MLflow; null does not.
    """

    phases: tuple[PhaseConfig, ...] = ()
    batch_norm: Literal["frozen", "trained"] = "frozen"
    optimizer: OptimizerConfig = OptimizerConfig()
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    trunk_cache: TrunkCacheConfig = TrunkCacheConfig()
    tensorboard: bool | Literal["auto"] = "auto"
    mlflow: MlflowConfig | None = None


class DirectTrainingConfig(FineTuningConfig):
    """Training of a classifier.

    Attributes:
        batch_size: images in a training step.
        linear_probe: initializes the head in closed form; null for random weights.
        select_epoch_on: images that select the number of epochs of the phases, 0 for the start.
            `new_groups`: training images held out by group, such as the artist, where groups are
            known or file names contain them; else, and for `validation`, the validation images.
        refit: at the end train again on training and validation images together: a head that no
            phase trains, or, with `select_epoch_on: new_groups`, the selected number of epochs.
        class_balance: nothing, weights of the classes in the loss, or logit adjustment.
        logit_adjustment_strength: strength of `class_balance: logit_adjustment`.
        label_smoothing: smoothing of the labels in the cross-entropy.
    """

    batch_size: PositiveInt = 32
    linear_probe: LinearProbeConfig | None = LinearProbeConfig()
    select_epoch_on: Literal["new_groups", "validation"] = "new_groups"
    refit: bool = True
    class_balance: Literal["none", "class_weight", "logit_adjustment"] = "none"
    logit_adjustment_strength: NonNegativeFloat = 1.0
    label_smoothing: Annotated[LenientFloat, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _something_to_do(self) -> DirectTrainingConfig:
        if self.linear_probe is None and not self.phases:
            raise ValueError("phases should not be empty when linear_probe is null")
        return self


class MetricPhaseConfig(PhaseConfig):
    """A phase of progressive unfreezing with the loss it learns from.

    Attributes:
        loss: loss of the phase.
    """

    loss: MetricLossName = "batch_all"

    @property
    def summary(self) -> str:
        """Name, length and loss of the phase, for plans of a run."""
        return f"{super().summary}, {self.loss}"


class BalancedBatchConfig(Schema):
    """Batches of P classes x K images.

    Attributes:
        classes: styles in a batch, or all where there are fewer.
        images_per_class: images of each of them.
        separate_siblings: augmented copies of one original do not meet in a batch.
    """

    classes: Annotated[int, Field(ge=2)] = 8
    images_per_class: Annotated[int, Field(ge=2)] = 4
    separate_siblings: bool = True


class CollapseGuardConfig(Schema):
    """When an epoch counts as a collapse, and how often training may repeat it.

    Attributes:
        min_mean_distance: mean L2 distance between two images on the unit sphere: about 1.4
            for embeddings spread over it, 0 for a collapsed one. If it was less than twice this
            before the first epoch, half of that distance counts.
        min_rank_ratio: effective rank as a fraction of C - 1, the dimensions that C classes
            need to lie apart from each other.
        margin_tolerance: difference between training loss and margin, as a fraction of the margin,
            if nearly all triplets are active. When all images meet in one point, the loss of every
            triplet is the margin.
        min_score_ratio: validation macro-F1 as a share of the best so far.
        learning_rate_factor: factor on the learning rate at each alarm.
        max_alarms: the guard gives up at the next one.
    """

    min_mean_distance: PositiveFloat = 0.3
    min_rank_ratio: Fraction = 0.3
    margin_tolerance: Fraction = 0.05
    min_score_ratio: Fraction = 0.7
    learning_rate_factor: Annotated[LenientFloat, Field(gt=0, lt=1)] = 0.5
    max_alarms: NonNegativeInt = 4


class MetricLearningConfig(FineTuningConfig):
    """Training of an embedding.

    Attributes:
        batch: what a batch holds.
        projection_init: initializes the projection in closed form; null for a random one.
        phases: phases of progressive unfreezing, each with its loss.
        loss: what the losses of all phases share.
        collapse_guard: takes an epoch back in which the embedding collapsed; null for no guard.
        num_neighbors: neighbors that vote for the style of an image; all training images where
            there are fewer.
    """

    batch: BalancedBatchConfig = BalancedBatchConfig()
    projection_init: ProjectionInitConfig | None = ProjectionInitConfig()
    phases: tuple[MetricPhaseConfig, ...] = (  # pyright: ignore[reportIncompatibleVariableOverride]
        MetricPhaseConfig(unfreeze_blocks=0, epochs=4, learning_rate=3e-4, loss="batch_all"),
    )
    loss: MetricLossConfig = MetricLossConfig()
    collapse_guard: CollapseGuardConfig | None = CollapseGuardConfig()
    num_neighbors: PositiveInt = 5

    @model_validator(mode="after")
    def _something_to_do(self) -> MetricLearningConfig:
        if self.projection_init is None and not self.phases:
            raise ValueError("phases should not be empty when projection_init is null")
        if self.collapse_guard is not None and self.optimizer.ema_momentum is not None:
            raise ValueError(
                "collapse_guard and optimizer.ema_momentum exclude each other: set one to null"
            )
        return self
