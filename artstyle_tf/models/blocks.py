"""Blocks of a backbone, found from the names of its layers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import keras

_BLOCK_NAME = re.compile(r"^(block\d+[a-z]+)_")


@dataclass(frozen=True)
class Block:
    """One residual block.

    Attributes:
        name: e.g. "block6h".
        layer_names: its layers, from the input to the output.
        boundary: the layer whose single output tensor leaves the block.
    """

    name: str
    layer_names: tuple[str, ...]
    boundary: str


def find_blocks(model: keras.Model) -> tuple[Block, ...]:
    """Group layers named `block<stage><letter>_...` into blocks.

    Args:
        model: a functional backbone whose `layers` are in topological order.

    Returns:
        The blocks from the input to the output; empty if no layer has such a name.
    """
    layer_names: dict[str, list[str]] = {}
    for layer in model.layers:
        match = _BLOCK_NAME.match(layer.name)
        if match:
            layer_names.setdefault(match.group(1), []).append(layer.name)
    return tuple(
        Block(name=name, layer_names=tuple(names), boundary=names[-1])
        for name, names in layer_names.items()
    )


def layer_depths(model: keras.Model, blocks: tuple[Block, ...]) -> dict[str, int]:
    """Return how many blocks lie between each layer and the output.

    Args:
        blocks: as found by `find_blocks`.

    Returns:
        Layer name -> depth: 0 for layers above the last block, 1 for the last block, and so on;
        `len(blocks) + 1` for the stem.
    """
    depth_of = {
        name: len(blocks) - position
        for position, block in enumerate(blocks)
        for name in block.layer_names
    }
    depths: dict[str, int] = {}
    depth = len(blocks) + 1
    for layer in model.layers:
        if layer.name in depth_of:
            depth = depth_of[layer.name]
        elif depth <= 1:
            depth = 0  # a layer without a block's name after the last block
        depths[layer.name] = depth
    return depths
