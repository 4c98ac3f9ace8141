"""Settings of evaluation, cross-validation and comparisons."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from artstyle_tf.analysis.settings import (
    ClassifierName,
)
from artstyle_tf.config.base import Fraction, NonNegativeInt, PositiveInt, RunName, Schema
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.trunk_cache.settings import TrunkCacheConfig


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


class FoldsTrunkCacheConfig(TrunkCacheConfig):
    """How activations are cached that every fold reads, for training or for evaluation.

    Attributes:
        dtype: data type of training activations; those of evaluated images are float32, so that
            with float16 each image needs two forward passes, one as either.
    """

    dtype: Literal["float16", "float32"] = "float32"


class FrozenTrainingConfig(Schema):
    """The part of a classifier's training that a frozen backbone needs: a closed-form head.

    Attributes:
        batch_size: images in a forward pass.
        linear_probe: the head.
        trunk_cache: activations of the backbones, kept for all runs.
    """

    retired: ClassVar = {"phases": "leave it out: backbones are compared frozen, without phases"}

    batch_size: PositiveInt = 32
    linear_probe: LinearProbeConfig = LinearProbeConfig()
    trunk_cache: FoldsTrunkCacheConfig = FoldsTrunkCacheConfig()


class CompareBackbonesExperiment(Schema):
    """Comparison of frozen backbones on your images: scores on folds, time, size and license.

    Each candidate is cross-validated with a head in closed form, as `cross-validate` does it
    without phases.

    Attributes:
        seed: seed of the folds and the heads.
        outputs: folder of the results.
        run_name: folder name of the comparison; null for backbones-<date>-<time>.
        candidates: the networks to compare, each with the keys of `model`.
        data: the images.
        training: the closed-form head.
        cross_validation: how the images are divided into folds.
        timed_images: images that the forward pass of each network is timed with.
    """

    retired: ClassVar = {"model": "give its keys for each of the candidates"}

    seed: NonNegativeInt = 42
    outputs: str = "outputs"
    run_name: RunName | None = None
    candidates: tuple[ModelConfig, ...] = (
        ModelConfig(backbone="efficientnet_b0", image_size_px=224),
        ModelConfig(backbone="efficientnet_b0", image_size_px=320),
        ModelConfig(backbone="efficientnet_v2_b0", image_size_px=224),
        ModelConfig(backbone="efficientnet_v2_b0", image_size_px=320),
    )
    data: DataConfig = DataConfig()
    training: FrozenTrainingConfig = FrozenTrainingConfig()
    cross_validation: CrossValidationConfig = CrossValidationConfig()
    timed_images: PositiveInt = 32

    @field_validator("candidates")
    @classmethod
    def _are_different(cls, candidates: tuple[ModelConfig, ...]) -> tuple[ModelConfig, ...]:
        if not candidates:
            raise ValueError(
                "should name the networks to compare, "
                "such as [{backbone: efficientnet_b0, image_size_px: 224}]"
            )
        for number, candidate in enumerate(candidates):
            first = candidates.index(candidate)
            if first < number:
                raise ValueError(
                    f"should be different; number {number + 1} is the same as number {first + 1}, "
                    f"{candidate.backbone} with {candidate.image_size_px} px"
                )
        return candidates
