"""Settings of the closed-form heads."""

from __future__ import annotations

from typing import Literal

from artstyle_tf.config.base import (
    NonNegativeFloat,
    PositiveFloat,
    Schema,
)

LinearMethod = Literal["logistic", "ridge", "mean"]


class LinearProbeConfig(Schema):
    """A linear classifier of the frozen features, which then initializes the head.

    "mean" is the mean of the logits of both regressions, which is a linear classifier again.
    `C` is that of logistic regression, of the start or of the baseline alone;
    `alpha` that of ridge regression; "auto" chooses it on folds of the training images, without a
    common group in two.
    """

    method: LinearMethod = "mean"
    C: PositiveFloat = 10.0
    alpha: PositiveFloat | Literal["auto"] = 1.0
    balanced: bool = True


class ProjectionInitConfig(LinearProbeConfig):
    """A linear probe and principal components, which initialize the projection."""

    method: LinearMethod = "ridge"
    pca_fraction: NonNegativeFloat = 0.5
