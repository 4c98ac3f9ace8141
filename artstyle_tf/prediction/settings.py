"""Settings of predictions, by a run or a server."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artstyle_tf.config.base import (
    Fraction,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Schema,
    one_of,
)
from artstyle_tf.export.formats.registry import RUNTIMES

RuntimeName = Annotated[str, one_of(("auto", "tensorflow", *RUNTIMES))]


class PredictExperiment(Schema):
    """Images without labels, answered by a run or a server."""

    run: str | None = None
    url: str | None = None
    images: tuple[str, ...] = ()
    output: str | None = None
    outputs: str = "outputs"
    top_k: PositiveInt = 3
    threshold: Fraction | None = None
    runtime: RuntimeName = "auto"
    batch_size: PositiveInt = 16
    reading_threads: PositiveInt = 2
    grad_cam: str | None = None
    model_name: str | None = None
    timeout_seconds: PositiveFloat = 30.0
    retries: Annotated[NonNegativeInt, Field(le=20)] = 4
