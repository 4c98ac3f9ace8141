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
    """A linear classifier of the frozen features, which initializes the head.

    "mean" is the mean of the logits of both regressions, which is a linear classifier again.
    `C` is that of logistic regression, of the head or of the baseline;
    `alpha` that of ridge regression; "auto" chooses it on folds of the training images, without a
    common group in two.

    Attributes:
        method: logistic or ridge regression, or the mean of both.
        C: inverse strength of the L2 penalty of logistic regression, of the
            baseline too; smaller is smoother.
        alpha: strength of the L2 penalty of ridge regression, or auto; larger is smoother.
        balanced: every style has the same weight, whatever its number of images.
    """

    method: LinearMethod = "mean"
    C: PositiveFloat = 10.0
    alpha: PositiveFloat | Literal["auto"] = 1.0
    balanced: bool = True


class ProjectionInitConfig(LinearProbeConfig):
    """A linear probe and principal components, which initialize the projection.

    Attributes:
        method: method of the classifier whose logits are part of the projection.
        pca_fraction: weight of the principal components relative to the logits.
    """

    method: LinearMethod = "ridge"
    pca_fraction: NonNegativeFloat = 0.5
