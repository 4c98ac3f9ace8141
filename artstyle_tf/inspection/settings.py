"""How a folder of pictures is looked at before anything is learnt."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from artstyle_tf.config.base import (
    Fraction,
    LenientFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    RunName,
    Schema,
)
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.models.settings import ImageSize

FailOn = Literal[
    # A severity stands for the graver ones, too.
    "error",
    "warning",
    "note",
    "cannot_be_split",
    "cannot_be_trained",
    "one_style",
    "unreadable",
    "truncated",
    "exact_duplicates_across_styles",
    "near_duplicates_across_styles",
    "duplicates_across_splits",
    "mirrored_across_splits",
    "near_equal_styles",
    "empty_style",
    "images_not_read",
    "styles_called_like_splits",
    "imbalance",
    "small_style",
    "misnamed",
    "tiny",
    "huge",
    "animated",
    "nearly_uniform",
    "exact_duplicates",
    "near_duplicates",
    "dominant_group",
    "groups_in_names",
    "group_across_splits",
    "file_shortcut",
    "made_up_style",
    "border",
    "frame",
    "colour_profile",
    "decoder_warnings",
    "grey_pictures",
    "ignored_files",
    "groups",
    "styles_differ",
    "split_by_folders",
]


class LimitsConfig(Schema):
    """From where on something is worth a word."""

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
