"""Build backbones by name."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import keras

from artstyle_tf.models.backbone_family import BlockNames, Scaling
from artstyle_tf.models.backbone_registry import FAMILIES, backbone_member, check_backbone
from artstyle_tf.models.blocks import Block, find_blocks, layer_depths
from artstyle_tf.models.hub.network import build_hub_network
from artstyle_tf.models.hub.presets import is_hub
from artstyle_tf.models.imagenet_pixels import IMAGENET_MEAN, IMAGENET_STD
from artstyle_tf.models.tokens import PatchMap, TokenLayout, TokenPooling
from artstyle_tf.models.weights import load_weights
from artstyle_tf.system.errors import ArtstyleError

MAP_SUFFIX = "_map"
"""Ends the names of the layers that make a feature map of a block's tokens."""

_CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of blue, green and red in 0..255: constants of the networks converted from Caffe."""


@dataclass(frozen=True)
class Backbone:
    """A feature extractor and its parts.

    Attributes:
        name: name in the registry.
        model: float32 [B, S, S, 3] in 0..255 -> feature map [B, h, w, C]. The scaling of the
            pixels is inside the model.
        blocks: from the input to the output; the stem is below the first, and everything above
            the last block is the "top".
        tokens: of a transformer: what its blocks return; None for networks of feature maps.
        top_tokens: of a transformer: the tokens [B, N, C] that the output of `model` is made of.
    """

    name: str
    model: keras.Model
    blocks: tuple[Block, ...]
    tokens: TokenLayout | None = None
    top_tokens: keras.KerasTensor | None = None

    @property
    def block_by_name(self) -> Mapping[str, Block]:
        """The blocks by their names, from the input to the output."""
        return {block.name: block for block in self.blocks}

    def map_of(self, block: str) -> keras.KerasTensor:
        """Return the output of a block as a feature map [B, h, w, C]."""
        output = self.block_by_name[block].output
        return (
            output
            if self.tokens is None
            else PatchMap(self.tokens, name=f"{block}{MAP_SUFFIX}")(output)
        )

    def pooled(self, block: str | None, *, name: str) -> keras.KerasTensor:
        """Return the mean over the positions of a block's output, or of the top for None.

        Args:
            block: name of the block, or None.
            name: of the pooling layer.

        Returns:
            [B, C]; where there is a class token [B, 2 C], with this token first.
        """
        if self.tokens is None:
            output = self.model.output if block is None else self.block_by_name[block].output
            return keras.layers.GlobalAveragePooling2D(name=name)(output)
        output = self.top_tokens if block is None else self.block_by_name[block].output
        return TokenPooling(self.tokens, name=name)(output)

    @property
    def layer_depths(self) -> Mapping[str, int]:
        """How many blocks lie between each layer and the output; see `blocks.layer_depths`."""
        names = [layer.name for layer in self.model.layers]
        return layer_depths(names, [block.layer_names for block in self.blocks])

    def check_has_blocks(self, names: Sequence[str], *, key: str) -> None:
        """Check that all names are names of blocks.

        Args:
            names: to check.
            key: of the setting or argument that names them, for the error.

        Raises:
            ArtstyleError: if there is no such block.
        """
        unknown = [name for name in names if name not in self.block_by_name]
        if unknown:
            raise ArtstyleError(
                f"{self.name} has no such block",
                received=f"{key}: {', '.join(unknown)}",
                expected=f"some of {', '.join(self.block_by_name)}",
            )


def wrap_backbone(name: str, model: keras.Model, block_names: BlockNames | None) -> Backbone:
    """Return a network as a backbone; arguments as in `Backbone` and `find_blocks`.

    Without `block_names` it has no blocks.
    """
    blocks = () if block_names is None else find_blocks(model, block_names)
    return Backbone(name=name, model=model, blocks=blocks)


def build_backbone(name: str, *, image_size_px: int, weights: str | None) -> Backbone:
    """Build a backbone without its ImageNet head.

    It is always built bare and then loads its weights, so that "imagenet" and a path to the same
    file lead to the same layers: keras.applications adds layers in the first case only.

    Args:
        name: one of `BACKBONE_NAMES`, or "hub:" with a preset of KerasHub or a folder.
        image_size_px: side S of the square input, in pixels.
        weights: "pretrained", "imagenet", "demo", the path of a weights file without top, or None
            for random weights.

    Returns:
        The backbone, all layers trainable.

    Raises:
        ArtstyleError: if the name is unknown, the images have a size that it cannot take, or the
            weights cannot be found or do not fit.
    """
    check_backbone(name, weights, image_size_px)
    if is_hub(name):
        return _build_hub_backbone(name, image_size_px, with_weights=weights is not None)
    family = FAMILIES[name]
    builder = _builder(name)
    model = _build_bare(builder, family.scaling, image_size_px)
    if weights is not None:
        load_weights(
            model,
            weights,
            name=name,
            build_pretrained=partial(
                builder, weights="imagenet", input_shape=(image_size_px, image_size_px, 3)
            ),
        )
    return wrap_backbone(name, model, family.block_names)


def _build_hub_backbone(name: str, image_size_px: int, *, with_weights: bool) -> Backbone:
    network = build_hub_network(name, image_size_px=image_size_px, with_weights=with_weights)
    backbone = wrap_backbone(name, network.model, network.block_names)
    return replace(backbone, tokens=network.tokens, top_tokens=network.top_tokens)


def _builder(name: str) -> Callable[..., keras.Model]:
    registered = backbone_member(name).builder
    found = pkgutil.resolve_name(registered) if isinstance(registered, str) else registered
    return partial(found, include_top=False)


def _build_bare(
    builder: Callable[..., keras.Model], scaling: Scaling, image_size_px: int
) -> keras.Model:
    """Build a network with random weights that takes pixels in 0..255."""
    shape = (image_size_px, image_size_px, 3)
    if scaling == "inside":
        return builder(weights=None, input_shape=shape)
    pixels = keras.Input(shape)
    if scaling == "unit":
        scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pixels)
    elif scaling == "torch":
        scaled = keras.layers.Rescaling(
            (1 / (255 * IMAGENET_STD)).tolist(),
            offset=(-IMAGENET_MEAN / IMAGENET_STD).tolist(),
            name="scaling",
        )(pixels)
    else:
        blue_first = keras.ops.take(pixels, [2, 1, 0], axis=-1)
        offset = [-mean for mean in _CAFFE_MEAN]
        scaled = keras.layers.Rescaling(1.0, offset=offset, name="scaling")(blue_first)
    model = builder(weights=None, input_tensor=scaled)
    # Their own model has a list of inputs.
    return keras.Model(pixels, model.output, name=model.name)
