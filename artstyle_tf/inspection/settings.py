"""Settings of the inspection of a folder of images before training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artstyle_tf.config.base import (
    Fraction,
    LenientFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    RunName,
    Schema,
    one_of,
)
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.inspection.findings import SEVERITIES, SEVERITY_OF
from artstyle_tf.models.settings import ImageSize

# A severity includes the higher ones.
FailOn = Annotated[str, one_of([*SEVERITIES, *SEVERITY_OF])]


class LimitsConfig(Schema):
    """Thresholds of findings.

    Attributes:
        tiny_below_px: shorter side of an image.
        huge_above_megapixels: width x height of an image.
        uniform_fraction: share of an image's pixels that are of one color.
        small_style_below: training images of a style.
        imbalance_above: ratio of the images of the largest and the smallest style.
        dominant_group_above: share of a style's images by one group.
        shortcut_above: lower end of the interval of the macro-F1 with file properties alone,
            scaled so that 0 is chance and 1 is perfect.
    """

    tiny_below_px: PositiveInt = 96
    huge_above_megapixels: PositiveFloat = 50.0
    uniform_fraction: Fraction = 0.97
    small_style_below: PositiveInt = 50
    imbalance_above: Annotated[LenientFloat, Field(ge=1)] = 3.0
    dominant_group_above: Fraction = 0.3
    shortcut_above: Fraction = 0.1


class InspectExperiment(Schema):
    """Inspection of images: counts, measures, problems, shortcuts, preview of augmentation.

    Attributes:
        seed: seed of samples, folds, shuffling and the preview of augmentation.
        outputs: folder of the results.
        run_name: name of the inspection; null for inspection-<date>-<time>.
        data: the images, as for a training.
        limits: thresholds of findings.
        samples_per_style: images of each style in samples.png.
        image_size_px: side of the images that augmentation is previewed with.
        fail_on: codes of findings, or severities, that end the command with exit code 1.
    """

    seed: NonNegativeInt = 42
    outputs: str = "outputs"
    run_name: RunName | None = None
    data: DataConfig = DataConfig()
    limits: LimitsConfig = LimitsConfig()
    samples_per_style: PositiveInt = 6
    image_size_px: ImageSize = 224
    fail_on: tuple[FailOn, ...] = ()
