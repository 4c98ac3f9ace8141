"""Choose the blocks whose output a head reads, where the user names none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from string import ascii_lowercase

from artstyle_tf.models.backbone import Backbone
from artstyle_tf.models.blocks import Block
from artstyle_tf.models.style_head import MAX_CHANNELS
from artstyle_tf.system.errors import ArtstyleError

_NUM_BLOCKS = 3
_MIN_BLOCKS_WITH_A_MIDDLE = 6


def choose_depths(backbone: Backbone, names: Sequence[str] | None) -> list[str]:
    """Return the blocks whose mean is a part of the features, from the input to the output.

    Args:
        backbone: has to contain them.
        names: of blocks; None for those at one, two and three quarters of the depth.

    Raises:
        ArtstyleError: if there is no such block, or none at all.
    """
    if names is not None:
        return _named(backbone, names, key="model.depths.blocks")
    return _at_fractions(backbone, [n / (_NUM_BLOCKS + 1) for n in range(1, _NUM_BLOCKS + 1)])


def choose_style_blocks(backbone: Backbone, names: Sequence[str] | None) -> list[str]:
    """Return the blocks whose output is pooled, from the input to the output.

    Args:
        backbone: has to contain them.
        names: of blocks; None for the default. Where blocks with at most 256 channels reach the
            upper half of the network: the ends of the last three stages that have no more, and the
            middle of the last one if that is long, because it still contains patterns that the end
            has turned into objects. In other networks: the ends of the three thirds of the blocks.

    Raises:
        ArtstyleError: if there is no such block, or none at all.
    """
    if names is not None:
        return _named(backbone, names, key="model.style.blocks")
    narrow = [block for block in backbone.blocks if _num_channels(block) <= MAX_CHANNELS]
    if not narrow or 2 * backbone.blocks.index(narrow[-1]) < len(backbone.blocks):
        return _at_fractions(backbone, [n / _NUM_BLOCKS for n in range(1, _NUM_BLOCKS + 1)])
    stages = [list(stage) for _, stage in groupby(narrow, key=_stage)]
    last_stages = stages[-_NUM_BLOCKS:]
    chosen = [blocks[-1].name for blocks in last_stages]
    if len(last_stages[-1]) >= _MIN_BLOCKS_WITH_A_MIDDLE:
        chosen.insert(-1, last_stages[-1][len(last_stages[-1]) // 2 - 1].name)
    return chosen


def _stage(block: Block) -> tuple[str, tuple[int | None, ...]]:
    """Return what blocks of a stage have in common: a shape, and the number before a letter."""
    numbered = block.name.rstrip(ascii_lowercase) if block.name[-1] in ascii_lowercase else ""
    return numbered, tuple(block.output.shape)


def _num_channels(block: Block) -> int:
    return int(block.output.shape[-1])


def _named(backbone: Backbone, names: Sequence[str], *, key: str) -> list[str]:
    backbone.check_has_blocks(names, key=key)
    return [name for name in backbone.block_by_name if name in names]


def _at_fractions(backbone: Backbone, fractions: Sequence[float]) -> list[str]:
    if not backbone.blocks:
        raise ArtstyleError(
            f"{backbone.name} is not divided into blocks, so that a head cannot read their output",
            fix="use model.head=pooled",
        )
    # Rounded before, because three thirds of a number should be that number.
    ends = [math.ceil(round(f * len(backbone.blocks), 6)) - 1 for f in fractions]
    return [backbone.blocks[end].name for end in dict.fromkeys(ends)]
