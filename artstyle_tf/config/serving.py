"""Export of a finished run, and predictions by a run or a server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from artstyle_tf.config.base import Fraction, NonNegativeInt, PositiveFloat, PositiveInt, Schema

FormatName = Literal["onnx", "openvino", "openvino_bf16", "litert", "litert_int8"]

RuntimeName = Literal["auto", "tensorflow", "onnx", "openvino", "openvino_bf16", "litert"]


class ExportExperiment(Schema):
    """A finished run, made ready for servers and other runtimes."""

    run: str | None = None
    outputs: str | None = None
    formats: tuple[FormatName | Literal["all"], ...] = ()
    num_training_pictures: PositiveInt = 100
    largest_macro_f1_loss: Fraction = 0.01
    max_pixels: Annotated[PositiveInt, Field(le=100_000_000)] = 25_000_000
    num_timing_rounds: PositiveInt = 5
    cross_validation: str | None = None
    licence: str | None = None
    seed: NonNegativeInt = 42


class PredictExperiment(Schema):
    """Pictures without labels, answered by a run or a server."""

    run: str | None = None
    url: str | None = None
    pictures: tuple[str, ...] = ()
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
