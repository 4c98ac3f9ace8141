"""Settings of the network, its initial weights and its resolution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from artstyle_tf.config.base import LenientFloat, PositiveInt, Schema

ImageSize = Annotated[int, Field(ge=32, le=2048)]
DropoutRate = Annotated[LenientFloat, Field(ge=0, lt=1)]


class StyleHeadConfig(Schema):
    """Second moments of some blocks; see `models.style_head`.

    Attributes:
        blocks: names of the blocks; null for the ends of the last stages with at most 256 channels,
            and one in the middle; where all of these are low in the network, of its thirds.
        width: channels that each block is projected to, which give width (width + 1) / 2 features.
    """

    blocks: tuple[str, ...] | None = None
    width: PositiveInt = 48


class DepthsHeadConfig(Schema):
    """Means of some blocks; see `models.features`.

    Attributes:
        blocks: names of the blocks; null for those at one, two and three quarters of the depth.
    """

    blocks: tuple[str, ...] | None = None


class ModelConfig(Schema):
    """The backbone and its head.

    `backbone` and the blocks are checked when the model is built, because registry and
    blocks belong to the code that builds. `style` and `depths` count for the head of that name.

    Attributes:
        backbone: name of the network, such as efficientnet_v2_b0; or `hub:` with a vision preset of
            KerasHub, such as hub:dinov2_small, or with a folder that KerasHub can read.
        weights: `pretrained` for the published weights of the backbone; null for random weights;
            or the path of a weights file without top. `imagenet` is the same as `pretrained` for
            the networks of keras.applications, `demo` for compact.
        image_size_px: side of the images that the network gets.
        dropout: rate before the last layer.
        head: `pooled` reads the top of the network; `style` adds second moments of several depths,
            `depths` their means, which suits vision transformers.
        style: settings of `head: style`.
        depths: settings of `head: depths`.
    """

    backbone: str = "efficientnet_b0"
    weights: str | None = "pretrained"
    image_size_px: ImageSize = 320
    dropout: DropoutRate = 0.0
    head: Literal["pooled", "style", "depths"] = "style"
    style: StyleHeadConfig = StyleHeadConfig()
    depths: DepthsHeadConfig = DepthsHeadConfig()


class EmbeddingModelConfig(ModelConfig):
    """A backbone whose features are projected onto the unit sphere.

    With an `initial_run` the backbone starts with the weights of that finished run instead of
    `weights`.

    Attributes:
        dimension: dimension of the embedding.
        initial_run: folder of a finished run of the same backbone to start from; null for
            `weights`.
    """

    dimension: PositiveInt = 128
    initial_run: str | None = None
