"""Settings of the export of a finished run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from artstyle_tf.config.base import Fraction, NonNegativeInt, PositiveInt, Schema, one_of
from artstyle_tf.export.formats.registry import FORMATS

FormatName = Annotated[str, one_of(FORMATS)]


class ExportExperiment(Schema):
    """A finished run, made ready for servers and other runtimes.

    Attributes:
        run: folder of a finished run.
        outputs: where the export goes; null for the folder `export` of the run.
        formats: written in addition to the SavedModel; `[all]` for all of them.
        num_calibration_images: training images from which litert_int8 learns the range of
            activations.
        max_macro_f1_drop: a format that loses more macro-F1 on the validation images is
            refused.
        max_pixels: width times height; a server refuses larger images before it decodes them.
        num_timing_rounds: rounds of one batch for each format, alternately.
        cross_validation: folder of a cross-validation whose scores go into the model card.
        license: license of the model, for the card, such as cc-by-4.0.
        seed: chooses the training images for litert_int8.
    """

    run: str | None = None
    outputs: str | None = None
    formats: tuple[FormatName | Literal["all"], ...] = ()
    num_calibration_images: PositiveInt = 100
    max_macro_f1_drop: Fraction = 0.01
    max_pixels: Annotated[PositiveInt, Field(le=100_000_000)] = 25_000_000
    num_timing_rounds: PositiveInt = 5
    cross_validation: str | None = None
    license: str | None = None
    seed: NonNegativeInt = 42
