"""Which network, from which weights, at which resolution."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artstyle_tf.config.base import LenientFloat, Schema

ImageSize = Annotated[int, Field(ge=32, le=2048)]
DropoutRate = Annotated[LenientFloat, Field(ge=0, lt=1)]


class ModelConfig(Schema):
    """The classifier's network.

    `backbone` is checked against the registry in `models.backbones` when the model is built,
    because the registry belongs to the code that builds.
    """

    backbone: str = "efficientnet_b0"
    weights: str | None = "imagenet"
    image_size_px: ImageSize = 224
    dropout: DropoutRate = 0.2
