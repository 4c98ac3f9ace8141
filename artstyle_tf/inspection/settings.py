"""How a folder of pictures is looked at before anything is learnt."""

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

# A severity stands for the graver ones, too.
FailOn = Annotated[str, one_of([*SEVERITIES, *SEVERITY_OF])]


class LimitsConfig(Schema):
    """From where on something is worth a word.

    Attributes:
        tiny_below_px: shorter side of a picture.
        huge_above_megapixels: width x height of a picture.
        uniform_share: of a picture's pixels that are of one colour.
        small_style_below: training pictures of a style.
        imbalance_above: pictures of the largest style to those of the smallest.
        dominant_group_above: share of a style's pictures by one group.
        shortcut_above: lower end of the interval of what file properties alone give away; 0 is
            chance, 1 a perfect guess.
    """

    tiny_below_px: PositiveInt = 96
    huge_above_megapixels: PositiveFloat = 50.0
    uniform_share: Fraction = 0.97
    small_style_below: PositiveInt = 50
    imbalance_above: Annotated[LenientFloat, Field(ge=1)] = 3.0
    dominant_group_above: Fraction = 0.3
    shortcut_above: Fraction = 0.1


class InspectExperiment(Schema):
    """A look at the pictures: counts, measures, troubles, shortcuts, and what augmentation does."""

    seed: NonNegativeInt = 42
    outputs: str = "outputs"
    run_name: RunName | None = None
    data: DataConfig = DataConfig()
    limits: LimitsConfig = LimitsConfig()
    samples_per_style: PositiveInt = 6
    image_size_px: ImageSize = 224
    fail_on: tuple[FailOn, ...] = ()
