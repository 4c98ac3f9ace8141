"""Blocks of a backbone: stretches of layers between places where the network can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from artstyle_tf.models.backbone_family import BlockNames


@dataclass(frozen=True)
class Block:
    """Part of a network that is frozen or trained as a whole, such as a residual block.

    Attributes:
        name: e.g. "block6h".
        layer_names: its layers with a name, from the input to the output.
        boundary: the last layer that is named after the block, which stands for the cut above it.
        output: what leaves the block: a feature map [B, h, w, C], or tokens [B, N, C].
        crossing: all tensors that the layers above the block read, `output` first. Only networks
            that skip whole blocks, such as NASNet, have others.
    """

    name: str
    layer_names: tuple[str, ...]
    boundary: str
    output: keras.KerasTensor
    crossing: tuple[keras.KerasTensor, ...]


def find_blocks(model: keras.Model, names: BlockNames) -> tuple[Block, ...]:
    """Divide a functional network into blocks.

    A block ends at the first place after its last named layer, and before those of the next
    block, which the fewest tensors cross. It starts where the block before it ends; the first one
    starts at the last place before its named layers that a single tensor crosses.

    Args:
        model: a functional backbone that has not been called in another network yet.
        names: which layers are named after their block.

    Returns:
        The blocks from the input to the output; empty if no layer has such a name.
    """
    operations = model.operations  # from the input to the output; layers, and others such as a sum
    named: dict[str, list[int]] = {}  # block -> positions of its named layers
    for position, operation in enumerate(operations):
        block = names.block_of(operation.name)
        if block is not None:
            named.setdefault(block, []).append(position)
    if not named:
        return ()
    crossing = _crossing_tensors(operations)
    first_named = next(iter(named.values()))[0]
    start = 1 + max((p for p in range(first_named) if len(crossing[p]) == 1), default=-1)
    next_named = [*(positions[0] for positions in list(named.values())[1:]), len(operations)]
    blocks = []
    for (name, positions), stop in zip(named.items(), next_named, strict=True):
        last = positions[-1]
        end = min(range(last, max(stop, last + 1)), key=lambda p: len(crossing[p]))
        # Where a block is skipped, what leaves it is the output of its last named layer.
        output = crossing[end][0] if len(crossing[end]) == 1 else operations[last].output
        layers = [x for x in operations[start : end + 1] if isinstance(x, keras.layers.Layer)]
        blocks.append(
            Block(
                name=name,
                layer_names=tuple(layer.name for layer in layers),
                boundary=operations[last].name,
                output=output,
                crossing=(output, *(tensor for tensor in crossing[end] if tensor is not output)),
            )
        )
        start = end + 1
    return tuple(blocks)


def layer_depths(layer_names: Sequence[str], blocks: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return how many blocks lie between each layer and the output.

    Args:
        layer_names: from the input to the output.
        blocks: names of the layers of each block.

    Returns:
        Layer name -> depth: 0 for layers above the last block, 1 for the last block, and so on;
        `len(blocks) + 1` for the stem.
    """
    depth_of = {
        name: len(blocks) - position for position, block in enumerate(blocks) for name in block
    }
    depths: dict[str, int] = {}
    depth = len(blocks) + 1
    for name in layer_names:
        if name in depth_of:
            depth = depth_of[name]
        elif depth <= 1:
            depth = 0  # a layer without a block's name after the last block
        depths[name] = depth
    return depths


def _crossing_tensors(operations: Sequence[Any]) -> list[list[keras.KerasTensor]]:
    """Return which tensors the operations after each position read, or are the network's output."""
    last_use: dict[int, int] = {}
    for position, operation in enumerate(operations):
        if not isinstance(operation, keras.layers.InputLayer):
            for tensor in _tensors(operation.input):
                last_use[id(tensor)] = position
    alive: list[keras.KerasTensor] = []
    crossing = []
    for position, operation in enumerate(operations):
        produced = [*alive, *_tensors(operation.output)]
        # The output of the network is never read.
        alive = [t for t in produced if last_use.get(id(t), len(operations)) > position]
        crossing.append(alive)
    return crossing


def _tensors(structure: Any) -> list[keras.KerasTensor]:
    return [t for t in keras.tree.flatten(structure) if isinstance(t, keras.KerasTensor)]
