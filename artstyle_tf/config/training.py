"""How the classifier learns: probe, phases, optimiser, stopping."""

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


class PhaseConfig(Schema):
    """One phase of progressive unfreezing.

    `unfreeze_blocks` counts blocks from the top of the backbone; 0 trains the head alone,
    "all" trains everything down to the stem.
    """

    unfreeze_blocks: NonNegativeInt | Literal["all"]
    epochs: PositiveInt
    learning_rate: PositiveFloat
    plateau_epochs: PositiveInt | None = None


class LinearProbeConfig(Schema):
    """A linear classifier of the frozen features, which then initialises the head.

    "mean" is the mean of the logits of both regressions, which is a linear classifier again.
    `inverse_regularisation` is that of logistic regression, of the start or of the floor alone;
    `ridge` that of ridge regression; "auto" chooses it on folds of the training pictures, without a
    common group in two.
    """

    method: Literal["logistic", "ridge", "mean"] = "logistic"
    inverse_regularisation: PositiveFloat = 4.0
    ridge: PositiveFloat | Literal["auto"] = 1.0
    balanced: bool = True


class OptimizerConfig(Schema):
    """AdamW with warm-up, cosine annealing over all phases, and smaller steps deeper down."""

    weight_decay: NonNegativeFloat = 0.01
    clip_norm: PositiveFloat | None = 1.0
    warmup_fraction: Fraction = 0.1
    final_learning_rate_fraction: Fraction = 0.0
    layer_decay: Annotated[LenientFloat, Field(gt=0, le=1)] = 1.0
    ema_momentum: Annotated[LenientFloat, Field(gt=0, lt=1)] | None = None


class EarlyStoppingConfig(Schema):
    """When to stop before the plan is done; null switches a rule off."""

    patience_epochs: PositiveInt | None = None
    max_overfitting_gap: PositiveFloat | None = None


class TrunkCacheConfig(Schema):
    """Keeping the activations of frozen blocks; see `training.trunk_cache`."""

    mode: Literal["auto", "always", "never"] = "auto"
    dtype: Literal["float16", "float32"] = "float16"
    folder: str | None = None
    size_limit_gb: PositiveFloat = 20.0
    runtime: Literal["auto", "keras", "openvino"] = "auto"


class MlflowConfig(Schema):
    """Where a finished run is logged; without an address where MLflow itself chooses."""

    tracking_uri: str | None = None
    experiment: str = "artstyle_tf"


class FineTuningConfig(Schema):
    """What every kind of training has."""

    phases: tuple[PhaseConfig, ...] = ()
    batch_normalisation: Literal["frozen", "trained"] = "frozen"
    optimizer: OptimizerConfig = OptimizerConfig()
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    trunk_cache: TrunkCacheConfig = TrunkCacheConfig()
    tensorboard: bool | Literal["auto"] = "auto"
    mlflow: MlflowConfig | None = None


class DirectTrainingConfig(FineTuningConfig):
    """Training of a classifier.

    `refit` is about a head that no phase trains: when the validation pictures have decided all
    there is to decide, it is fitted again to them and the training pictures together.
    """

    batch_size: PositiveInt = 32
    linear_probe: LinearProbeConfig | None = LinearProbeConfig()
    refit: bool = True
    class_balance: Literal["none", "class_weight", "logit_adjustment"] = "none"
    logit_adjustment_strength: NonNegativeFloat = 1.0
    label_smoothing: Annotated[LenientFloat, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _something_to_do(self) -> DirectTrainingConfig:
        if self.linear_probe is None and not self.phases:
            raise ValueError("phases should not be empty when linear_probe is null")
        return self
