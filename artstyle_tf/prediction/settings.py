"""Settings of predictions by a run or a server."""

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
    """Predictions for images by a run or a server.

    Attributes:
        run: folder of a finished run.
        url: address of a server instead of a run, http://HOST:8501 or https://HOST.
        images: files, folders and patterns; - reads a list from stdin.
        output: file to write, .csv or .jsonl; null for a new file in <outputs>/predictions.
        outputs: folder that contains the folder `predictions`.
        top_k: number of styles reported for each image.
        threshold: confidence below which the model abstains; null for the threshold of the run.
        runtime: auto for the fastest that agrees with Keras.
        batch_size: images in a forward pass.
        reading_threads: threads that decode ahead of the network.
        grad_cam: folder for Grad-CAM overlays; null for none.
        model_name: name of the model on the server; null for the one in the URL.
        timeout_seconds: for each request to a server.
        retries: further attempts after transient failures.
    """

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
