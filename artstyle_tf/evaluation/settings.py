"""Settings of evaluation, cross-validation and comparison."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from artstyle_tf.analysis.settings import (
    ClassifierName,
)
from artstyle_tf.config.base import Fraction, PositiveInt, RunName, Schema


class EvaluationConfig(Schema):
    """How a trained network is judged beside its scores."""

    target_accuracy: Annotated[Fraction, Field(gt=0)] = 0.95


class CrossValidationConfig(Schema):
    """How cross-validation divides the images."""

    num_folds: Annotated[int, Field(ge=2)] = 5
    repeats: PositiveInt = 1
    schemes: tuple[Literal["random", "group"], ...] | None = None
    validation_fraction: Annotated[Fraction, Field(gt=0, le=0.5)] = 0.05
    with_test_split: bool = True


class EvaluateExperiment(Schema):
    """A finished run, measured on one of its splits or on another folder of style folders."""

    run: str | None = None
    images: str | None = None
    split: Literal["train", "val", "test"] | None = None
    outputs: str | None = None
    run_name: RunName | None = None
    batch_size: PositiveInt = 32


class CompareExperiment(Schema):
    """Runs and analyses, compared on the images that all of them were measured on."""

    retired: ClassVar = {"seed": "leave it out: intervals are computed, nothing is drawn"}

    runs: tuple[str, ...] = ()
    classifiers: tuple[ClassifierName, ...] | None = ("gradient_boosting",)
    outputs: str | None = None
    run_name: RunName | None = None
    timed_images: PositiveInt = 32
