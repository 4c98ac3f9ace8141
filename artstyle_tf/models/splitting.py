"""Cut a network at block boundaries: a frozen trunk below, a trainable top above.

A boundary is named by the number of blocks above it: 0 is the pooled features, just below the head,
and 4 is the output of the fifth block from the end. All parts share the network's layers, so
training one part trains the network, and `network.model` is the parts put together again.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.network import Network


def boundary_name(backbone: Backbone, boundary: int) -> str:
    """What the boundary's activations are: the name of a block's last layer, or "pooled".

    Raises:
        ArtstyleError: if the backbone has no block below the boundary.
    """
    if boundary == 0:
        return "pooled"
    if not 0 < boundary < len(backbone.blocks):
        raise ArtstyleError(
            f"{backbone.name} has no {boundary} blocks above a frozen one",
            received=f"unfreeze_blocks: {boundary}",
            expected=f"0 to {len(backbone.blocks) - 1}, or all",
        )
    return backbone.blocks[-boundary - 1].boundary


def build_trunk(network: Network, boundaries: Sequence[int]) -> keras.Model:
    """Everything below the boundaries, for all of them in one forward pass.

    Args:
        network: what to cut.
        boundaries: at least one, each a number of blocks above the cut.

    Returns:
        Model of pictures float32 [B, S, S, 3] -> list of activations, one for each boundary; for
        a single boundary Keras leaves the list away.

    Raises:
        ArtstyleError: if the backbone has fewer blocks.
    """
    outputs = [_activations(network, boundary) for boundary in boundaries]
    return keras.Model(network.model.input, outputs, name="trunk")


def build_segment(network: Network, start: int | None, end: int) -> keras.Model:
    """What lies between two boundaries.

    Args:
        network: what to cut.
        start: the lower boundary; None for the pictures.
        end: the upper boundary, with fewer blocks above it.

    Returns:
        Model of the activations (or pictures) at `start` -> the activations at `end`.
    """
    inputs, outputs = (_activations(network, boundary) for boundary in (start, end))
    return keras.Model(inputs, outputs, name="segment")


def build_top(network: Network, boundary: int | None) -> keras.Model:
    """Everything above a boundary.

    Args:
        network: what to cut.
        boundary: number of blocks above the cut; None for no cut.

    Returns:
        Model of the activations at the boundary -> outputs [B, K]; the whole network for None.
    """
    inputs = _activations(network, boundary)
    return keras.Model(inputs, network.model.output, name="top")


def _activations(network: Network, boundary: int | None) -> keras.KerasTensor:
    if boundary is None:
        return network.model.input
    backbone = network.backbone
    name = boundary_name(backbone, boundary)
    return network.features if boundary == 0 else backbone.model.get_layer(name).output
