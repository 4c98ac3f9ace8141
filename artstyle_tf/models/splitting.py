"""Cut a network at block boundaries: a frozen trunk below, a trainable top above.

A boundary is named by the number of blocks above it: 0 is just below the head, and 4 is the output
of the fifth block from the end. All parts share the network's layers, so training one part trains
the network, and `network.model` is the parts put together again.

Usually one tensor crosses a boundary. Where branches leave the network below it, their second
moments or means cross it too, and networks that skip whole blocks have others; then all that
crosses is packed into one vector for each image, so that code that stores or moves activations
need not know. The poolings of the branches are above all boundaries, because they are trained when
everything else is frozen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from artstyle_tf.models.backbone import Backbone
from artstyle_tf.models.blocks import Block
from artstyle_tf.models.features import Branch
from artstyle_tf.models.network import Network
from artstyle_tf.system.errors import ArtstyleError


def boundary_name(backbone: Backbone, boundary: int) -> str:
    """Return the name of the layer at the boundary, or "pooled".

    Raises:
        ArtstyleError: if the backbone has no block below the boundary.
    """
    return "pooled" if boundary == 0 else _block_below(backbone, boundary).boundary


def cut_name(network: Network, boundary: int) -> str:
    """Return the name of the boundary and of the branches that cross it."""
    # Not the tensors' own names: Keras numbers them by how many this process has created before.
    names = [branch.name for branch in _crossing(network, boundary)]
    return "+".join([boundary_name(network.backbone, boundary), *names])


def branch_statistics(network: Network, rows: Any) -> list[Any]:
    """Return what each branch reads, from rows [..., D] at boundary 0: [..., M] for each branch."""
    sizes = [math.prod(tensor.shape[1:]) for tensor in _cut(network, 0)]
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return [rows[..., end - size : end] for size, end in zip(sizes[1:], ends[1:], strict=True)]


def build_trunk(network: Network, boundaries: Sequence[int]) -> keras.Model:
    """Build everything below the boundaries, for all of them in one forward pass.

    Args:
        boundaries: at least one, each a number of blocks above the cut.

    Returns:
        Model of images float32 [B, S, S, 3] -> list of activations, one for each boundary; for
        a single boundary Keras returns no list.

    Raises:
        ArtstyleError: if the backbone has fewer blocks.
    """
    outputs = [_packed(_cut(network, boundary)) for boundary in boundaries]
    return keras.Model(network.model.input, outputs, name="trunk")


def build_segment(network: Network, start: int | None, end: int) -> keras.Model:
    """Build the part between two boundaries.

    Args:
        start: the lower boundary; None for the images.
        end: the upper boundary, with fewer blocks above it.

    Returns:
        Model of the activations (or images) at `start` -> the activations at `end`.
    """
    return _model(_cut(network, start), _packed(_cut(network, end)), name="segment")


def build_top(network: Network, boundary: int | None) -> keras.Model:
    """Build everything above a boundary; the whole network for None.

    Returns:
        Model of the activations at the boundary -> outputs [B, K].
    """
    return _model(_cut(network, boundary), network.model.output, name="top")


def build_features(network: Network) -> keras.Model:
    """Build the part between boundary 0 and the head.

    Returns:
        Model of the activations at boundary 0 -> features [B, D]. They are the same if the network
        has no branches.
    """
    tensor = network.features.tensor
    if not network.features.branches:
        tensor = keras.layers.Identity()(tensor)  # Keras needs a layer between input and output
    return _model(_cut(network, 0), tensor, name="features")


def _block_below(backbone: Backbone, boundary: int) -> Block:
    if not 0 < boundary < len(backbone.blocks):
        raise ArtstyleError(
            f"{backbone.name} has no {boundary} blocks above a frozen one",
            received=f"unfreeze_blocks: {boundary}",
            expected=f"0 to {len(backbone.blocks) - 1}, or all",
        )
    return backbone.blocks[-boundary - 1]


def _cut(network: Network, boundary: int | None) -> list[keras.KerasTensor]:
    """Return all tensors that cross a boundary."""
    if boundary is None:
        return [network.model.input]
    statistics = [branch.statistics for branch in _crossing(network, boundary)]
    if boundary == 0:
        return [network.features.pooled, *statistics]
    return [*_block_below(network.backbone, boundary).crossing, *statistics]


def _crossing(network: Network, boundary: int) -> list[Branch]:
    """Return the branches below the boundary; one just at it follows from its map."""
    return [
        branch
        for branch in network.features.branches
        if branch.num_blocks_above > boundary or boundary == 0
    ]


def _packed(tensors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    if len(tensors) == 1:
        return tensors[0]
    flat = [keras.layers.Flatten()(tensor) for tensor in tensors]
    return keras.layers.Concatenate()(flat)


def _model(
    inputs: Sequence[keras.KerasTensor], outputs: keras.KerasTensor, *, name: str
) -> keras.Model:
    """Build a `keras.Model`; several inputs come packed."""
    if len(inputs) == 1:
        return keras.Model(inputs[0], outputs, name=name)
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    rows = keras.Input((sum(math.prod(shape) for shape in shapes),), name="packed")
    inner = keras.Model(list(inputs), outputs, name=f"{name}_of_parts")
    return keras.Model(rows, inner(_Unpacked(shapes)(rows)), name=name)


class _Unpacked(keras.layers.Layer):
    """Splits packed rows into parts of the given shapes, without the batch."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__(name="unpacked")
        self._shapes = list(shapes)

    def call(self, inputs: Any) -> list[Any]:
        """Split rows [B, D] into parts [B, ...]."""
        parts, start = [], 0
        for shape in self._shapes:
            end = start + math.prod(shape)
            parts.append(ops.reshape(inputs[:, start:end], (-1, *shape)))
            start = end
        return parts
