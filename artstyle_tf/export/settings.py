"""Settings of the export of a finished run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from artstyle_tf.config.base import Fraction, NonNegativeInt, PositiveInt, Schema, one_of
from artstyle_tf.export.formats.registry import FORMATS

FormatName = Annotated[str, one_of(FORMATS)]


class ExportExperiment(Schema):
    """Export of a finished run for servers and other runtimes."""

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
