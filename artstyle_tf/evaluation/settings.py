"""Settings of evaluation, cross-validation and comparison."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from artstyle_tf.analysis.settings import (
    ClassifierName,
)
from artstyle_tf.config.base import Fraction, PositiveInt, RunName, Schema


class EvaluationConfig(Schema):
    """What is computed in addition to the scores of a network.

    Attributes:
        target_accuracy: accuracy that accepted predictions should have; the confidence threshold of
            the run follows from it. It needs enough validation images: 59 for 0.95, 29 for 0.9.
    """

    target_accuracy: Annotated[Fraction, Field(gt=0)] = 0.95


class CrossValidationConfig(Schema):
    """How cross-validation divides the images.

    Attributes:
        num_folds: number of folds.
        repeats: how often the whole is repeated, with other folds and seeds.
        schemes: random folds, folds without a common group, or both; null for random folds, and
            folds by group where groups are known.
        validation_fraction: share of the other folds that chooses epoch, temperature and threshold.
        with_test_split: include the test images; false leaves them for a later evaluation, for
            example while settings are chosen.
    """

    num_folds: Annotated[int, Field(ge=2)] = 5
    repeats: PositiveInt = 1
    schemes: tuple[Literal["random", "group"], ...] | None = None
    validation_fraction: Annotated[Fraction, Field(gt=0, le=0.5)] = 0.05
    with_test_split: bool = True


class EvaluateExperiment(Schema):
    """Evaluation of a finished run on one of its splits or on another folder of style folders.

    Attributes:
        run: folder of a finished run.
        images: another folder of style folders; null for the images of the run.
        split: which images of the run; null for test, or val where there is none.
        outputs: where results go; null for the folders of the run.
        run_name: name of the evaluation; null for the name of the split or of the folder.
        batch_size: images in a forward pass.
    """

    run: str | None = None
    images: str | None = None
    split: Literal["train", "val", "test"] | None = None
    outputs: str | None = None
    run_name: RunName | None = None
    batch_size: PositiveInt = 32


class CompareExperiment(Schema):
    """Comparison of runs and analyses on the images that all of them were evaluated on.

    Attributes:
        runs: folders of runs and analyses.
        classifiers: which classifiers of the analyses take part; null for all.
        outputs: where results go; null for outputs.
        run_name: name of the comparison; null for comparison, comparison-2 and so on.
        seed: without effect since intervals are computed instead of drawn.
        timed_images: images that each network is timed with.
    """

    retired: ClassVar = {"seed": "leave it out: intervals are computed, nothing is drawn"}

    runs: tuple[str, ...] = ()
    classifiers: tuple[ClassifierName, ...] | None = ("gradient_boosting",)
    outputs: str | None = None
    run_name: RunName | None = None
    timed_images: PositiveInt = 32
