"""Cut a backbone at a block boundary: a frozen trunk below, a trainable top above."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.models.backbones import Backbone


@dataclass(frozen=True)
class SplitBackbone:
    """Two models that share the backbone's layers, so training one trains the backbone.

    Attributes:
        trunk: pictures [B, S, S, 3] -> activations at the boundary; None if nothing is frozen.
        top: activations at the boundary -> feature map [B, H, W, C]; None if all is frozen.
        boundary: name of the layer at the cut; None if there is no cut.
    """

    trunk: keras.Model | None
    top: keras.Model | None
    boundary: str | None


def split_backbone(backbone: Backbone, num_top_blocks: int | None) -> SplitBackbone:
    """Cuts below the last `num_top_blocks` blocks.

    Args:
        backbone: what to cut.
        num_top_blocks: blocks that belong to the top, together with everything above the last
            block; 0 leaves the whole backbone in the trunk, None leaves everything, the stem
            too, in the top.

    Returns:
        Trunk and top; `top(trunk(x))` computes what `backbone.model(x)` computes.

    Raises:
        ArtstyleError: if the backbone has fewer blocks.
    """
    model = backbone.model
    if num_top_blocks is None:
        return SplitBackbone(trunk=None, top=model, boundary=None)
    if num_top_blocks == 0:
        return SplitBackbone(trunk=model, top=None, boundary=None)
    if num_top_blocks >= len(backbone.blocks):
        raise ArtstyleError(
            f"{backbone.name} has no {num_top_blocks} blocks above a frozen one",
            received=f"unfreeze_blocks: {num_top_blocks}",
            expected=f"0 to {len(backbone.blocks) - 1}, or all",
        )
    boundary = backbone.blocks[-num_top_blocks - 1].boundary
    tensor = model.get_layer(boundary).output
    return SplitBackbone(
        trunk=keras.Model(model.input, tensor, name=f"trunk_to_{boundary}"),
        top=keras.Model(tensor, model.output, name=f"top_from_{boundary}"),
        boundary=boundary,
    )
