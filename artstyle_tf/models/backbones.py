"""Build backbones by name."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from artstyle_tf.models.backbone_registry import BUILDERS, check_backbone
from artstyle_tf.models.blocks import Block, find_blocks
from artstyle_tf.models.weights import load_weights
from artstyle_tf.system.errors import ArtstyleError


@dataclass(frozen=True)
class Backbone:
    """A feature extractor and its parts.

    Attributes:
        name: name in the registry.
        model: float32 [B, S, S, 3] in 0..255 -> feature map [B, H, W, C]. The scaling of the
            pixels is inside the model.
        blocks: from the input to the output; the stem is below the first, and everything above
            the last block is the "top".
    """

    name: str
    model: keras.Model
    blocks: tuple[Block, ...]

    def check_has_blocks(self, names: Sequence[str], *, key: str) -> None:
        """Check that all names are names of blocks.

        Args:
            names: to check.
            key: of the setting or argument that names them, for the error.

        Raises:
            ArtstyleError: if there is no such block.
        """
        known = [block.name for block in self.blocks]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ArtstyleError(
                f"{self.name} has no such block",
                received=f"{key}: {', '.join(unknown)}",
                expected=f"some of {', '.join(known)}",
            )


def build_backbone(name: str, *, image_size_px: int, weights: str | None) -> Backbone:
    """Build a backbone without its ImageNet head.

    It is always built bare and then loads its weights, so that "imagenet" and a path to the same
    file lead to the same layers: keras.applications adds a Rescaling layer in the first case only.

    Args:
        name: one of `BACKBONE_NAMES`.
        image_size_px: side S of the square input, in pixels.
        weights: "imagenet", "demo", the path of a weights file without top, or None for random
            weights.

    Returns:
        The backbone, all layers trainable.

    Raises:
        ArtstyleError: if the name is unknown, or the weights cannot be found or do not fit.
    """
    check_backbone(name, weights)
    registered = BUILDERS[name]
    builder: Callable[..., keras.Model] = (
        pkgutil.resolve_name(registered) if isinstance(registered, str) else registered
    )
    model = builder(include_top=False, weights=None, input_shape=(image_size_px, image_size_px, 3))
    if weights is not None:
        load_weights(model, weights, name=name, builder=builder)
    return Backbone(name=name, model=model, blocks=find_blocks(model))
