"""Where the images are, how they are split and prepared."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from artstyle_tf.config.base import (
    Fraction,
    LenientFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Schema,
)

AugmentationPolicy = Literal["flip", "gentle", "strong"]
AspectPolicy = Literal["squash", "crop", "pad"]


class SplitConfig(Schema):
    """Shares of the three splits; they have to add up to one."""

    train: Fraction = 0.70
    val: Fraction = 0.15
    test: Fraction = 0.15
    seed: NonNegativeInt = 42

    @model_validator(mode="after")
    def _shares_add_up(self) -> SplitConfig:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + val + test should add up to 1, not {total:g}")
        if self.train == 0 or self.val == 0:
            raise ValueError("train and val should both be above 0: one learns, one decides")
        return self


class UpsamplingConfig(Schema):
    """Brings every class of the training split to about the same size by augmented children.

    Attributes:
        policy: of the augmentation.
        target_ratio: wanted size of each class, as a multiple of the largest class.
        jitter: the wanted size is changed at random by up to this share, so that no class size
            gives away that it was made up.
    """

    policy: AugmentationPolicy = "gentle"
    target_ratio: PositiveFloat = 1.10
    jitter: Annotated[LenientFloat, Field(ge=0, lt=1)] = 0.05


class ViewsConfig(Schema):
    """Fixed augmented versions of each training image; see `images.batches.views`.

    Attributes:
        num_views: V, with the image itself as view 0.
        policy: of the other views. Not used if V is 1.
        seed: of the other views.
    """

    num_views: PositiveInt = 6
    policy: AugmentationPolicy = "gentle"
    seed: NonNegativeInt = 42


class DataConfig(Schema):
    """Images on disk, up to the batches."""

    images: str = "data/images"
    prepared: str = "data/augmented_images"
    demo_set: bool = False
    split_file: str | None = None
    split: SplitConfig = SplitConfig()
    group_pattern: str | None = None
    group_file: str | None = None
    near_duplicates: Literal["keep_together", "ignore"] = "keep_together"
    max_side_px: PositiveInt | None = 1024
    upsampling: UpsamplingConfig | None = None
    preparation_seed: NonNegativeInt = 42
    preparation_workers: PositiveInt | None = None
    aspect: AspectPolicy = "squash"
    views: ViewsConfig | None = ViewsConfig()
    online_augmentation: AugmentationPolicy | None = None
    memory_budget_mb: NonNegativeInt = Field(default=2048)

    @field_validator("group_pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _one_kind_of_augmentation(self) -> DataConfig:
        if self.views is not None and self.online_augmentation is not None:
            raise ValueError(
                "views and online_augmentation exclude each other: set one of them to null"
            )
        return self
