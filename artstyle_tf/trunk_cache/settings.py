"""Settings of the trunk cache."""

from __future__ import annotations

from typing import Literal

from artstyle_tf.config.base import (
    PositiveFloat,
    Schema,
)

CacheMode = Literal["auto", "always", "never"]
"""Cache activations where possible and cheaper; or raise an error if impossible; or never."""

AUTOMATIC_RUNTIMES: tuple[str, ...] = ("openvino", "compiled")
"""Runtimes that `runtime: auto` tries, the fastest first; Keras if none of them works. The tests
empty it in one place, so that the trunks of hundreds of tiny trainings are not compiled."""


class TrunkCacheExperiment(Schema):
    """The cached activations of frozen blocks, listed or removed.

    Attributes:
        outputs: folder of runs whose cache is shown.
        folder: folder of the cache; null for trunk_cache in the outputs.
        clear: key from the list to remove, or all; null to show the list.
    """

    outputs: str = "outputs"
    folder: str | None = None
    clear: str | None = None


class TrunkCacheConfig(Schema):
    """How activations of frozen blocks are cached.

    Attributes:
        mode: `auto` caches where it is possible and cheaper; `always` ends with an error where it
            is not possible; `never` does not cache.
        dtype: data type of training activations; those of validation and test images are float32.
        folder: folder of the cache; null for trunk_cache in the outputs.
        size_limit_gb: the least recently used rows are removed above it.
        runtime: runtime of the forward passes; auto takes OpenVINO where it is installed and agrees
            with Keras.
    """

    mode: CacheMode = "auto"
    dtype: Literal["float16", "float32"] = "float16"
    folder: str | None = None
    size_limit_gb: PositiveFloat = 20.0
    runtime: Literal["auto", "keras", "openvino"] = "auto"
