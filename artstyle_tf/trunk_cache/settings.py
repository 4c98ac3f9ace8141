"""Settings of the trunk cache."""

from __future__ import annotations

from typing import Literal

from artstyle_tf.config.base import (
    PositiveFloat,
    Schema,
)

CacheMode = Literal["auto", "always", "never"]
"""Whether activations are kept: where possible and cheaper, or else an error, or not at all."""

AUTOMATIC_RUNTIMES: tuple[str, ...] = ("openvino", "compiled")
"""What `runtime: auto` tries, the fastest first; Keras computes if none of them does. The tests
empty it in one place, so that the trunks of hundreds of tiny trainings are not compiled."""


class TrunkCacheExperiment(Schema):
    """What is kept of frozen blocks: shown, or cleared."""

    outputs: str = "outputs"
    folder: str | None = None
    clear: str | None = None


class TrunkCacheConfig(Schema):
    """Keeping the activations of frozen blocks; see `training.trunk_cache`."""

    mode: CacheMode = "auto"
    dtype: Literal["float16", "float32"] = "float16"
    folder: str | None = None
    size_limit_gb: PositiveFloat = 20.0
    runtime: Literal["auto", "keras", "openvino"] = "auto"
