"""Settings of the images: paths, split, preparation and augmentation."""

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
    """Shares of the three splits; they have to add up to one.

    Attributes:
        train: share of the training images.
        val: share of the validation images.
        test: share of the test images; 0 for none.
        seed: seed of the division.
    """

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
            raise ValueError("train and val should both be above 0, for training and selection")
        return self


class UpsamplingConfig(Schema):
    """Augmented children that bring every class of the training split to about the same size.

    Attributes:
        policy: augmentation policy.
        target_ratio: target size of each class, as a multiple of the largest class.
        jitter: the target size is changed at random by up to this share, so that no class is
            recognizable by its size.
    """

    policy: AugmentationPolicy = "gentle"
    target_ratio: PositiveFloat = 1.10
    jitter: Annotated[LenientFloat, Field(ge=0, lt=1)] = 0.05


class ViewsConfig(Schema):
    """Fixed augmented versions of each training image; see `images.batches.views`.

    Attributes:
        num_views: V, with the image itself as view 0.
        policy: augmentation policy of the other views. Not used if V is 1.
        seed: seed of the other views.
    """

    num_views: PositiveInt = 6
    policy: AugmentationPolicy = "gentle"
    seed: NonNegativeInt = 42


class DataConfig(Schema):
    """Images on disk, their split, preparation and augmentation.

    Attributes:
        images: folder with one folder per style, images at any depth below.
        prepared: folder for prepared images.
        demo_set: draw the demo images into `images` first.
        split_file: CSV file with path, label, split and perhaps group; null to divide the
            images by the shares in `split`.
        split: shares of the three splits.
        group_pattern: regular expression on the file name whose first group names what must not be
            split, such as '^([^_]+)_' for artist_title.jpg.
        group_file: CSV file with path and group, instead of a pattern.
        near_duplicates: keep images that look the same on one side of the split, or ignore that.
        max_side_px: larger images are reduced when they are prepared; null for no limit.
        upsampling: augmented copies for small styles, on disk; null for none. Not together with
            online_augmentation.
        preparation_seed: seed of up-sampling.
        preparation_workers: processes that prepare images; null for one per core.
        aspect: how an image is converted to a square: squash, crop or pad.
        views: fixed augmented views of each training image; null for none.
        online_augmentation: another augmented image in every epoch, instead of views; null for
            none.
        memory_budget_mb: decoded images of a split are kept in memory up to this size.
    """

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
        if self.upsampling is not None and self.online_augmentation is not None:
            raise ValueError(
                "upsampling and online_augmentation exclude each other, since copies would be"
                " augmented twice: set one of them to null"
            )
        return self
