"""What a family of backbones has in common, without Keras, so that errors show at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Scaling = Literal["inside", "unit", "torch", "caffe"]
"""What a network expects that its builder does not do with pixels in 0..255.

"inside": nothing. "unit": values in -1..1. "torch": 0..1, less ImageNet's mean, divided by its
standard deviation. "caffe": channels in the order BGR, less ImageNet's mean in 0..255.
"""


@dataclass(frozen=True)
class BlockNames:
    r"""How the layers of a family tell the block they belong to.

    Attributes:
        pattern: regular expression that finds the layers of blocks by their names.
        block: name of the block, in which \1 is the first group of the pattern.
    """

    pattern: str
    block: str = r"\1"

    def block_of(self, layer_name: str) -> str | None:
        """Return the name of the layer's block, or None."""
        match = self._compiled.match(layer_name)
        return match.expand(self.block) if match else None

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


@dataclass(frozen=True)
class Member:
    """One backbone of a family.

    Attributes:
        builder: function with the signature of those in keras.applications, or where it is, as
            "module:name".
        weights_file: what Keras calls the file of its ImageNet weights without top; None if there
            are none.
    """

    builder: str | Callable[..., Any]
    weights_file: str | None = None


@dataclass(frozen=True)
class Family:
    """Backbones that are built and cut into blocks in the same way.

    Attributes:
        members: name of the backbone -> what is special about it.
        block_names: how to find the blocks.
        license: of the pretrained weights.
        scaling: of the pixels, see `Scaling`.
        min_image_size_px: the smallest side of an image.
    """

    members: Mapping[str, Member]
    block_names: BlockNames
    license: str
    scaling: Scaling = "inside"
    min_image_size_px: int = 32


def application(builder: str, weights_file: str) -> Member:
    """Return a backbone of keras.applications; the file ends in "_notop.h5" if not given whole."""
    file = weights_file if weights_file.endswith(".h5") else f"{weights_file}_notop.h5"
    return Member(f"keras.applications:{builder}", file)
