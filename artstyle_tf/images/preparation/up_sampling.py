"""How many augmented children which training picture gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artstyle_tf.images.batches.augmentation import seed_for
from artstyle_tf.images.settings import UpSamplingConfig


@dataclass(frozen=True)
class Child:
    """One augmented picture to be made.

    Attributes:
        parent: position of the parent among the originals.
        number: of the child among the parent's children, from 1.
        seed: for `augment_picture`.
    """

    parent: int
    number: int
    seed: int


def plan_children(
    labels: Sequence[str], digests: Sequence[str], *, up_sampling: UpSamplingConfig, seed: int
) -> list[Child]:
    """Spreads the children that each class lacks evenly over its pictures.

    Args:
        labels: of the N training originals.
        digests: SHA-256 of their source files.
        up_sampling: what is wanted.
        seed: of the preparation.

    Returns:
        Children ordered by parent. A child's seed depends on (seed, digest, number) alone, so it
        stays the same picture when other pictures come and go.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        members[label].append(position)
    largest = max(map(len, members.values()), default=0)
    num_children = [0] * len(labels)
    for label, positions in members.items():
        lacking = _wanted_size(label, largest, up_sampling, seed) - len(positions)
        each, rest = divmod(max(lacking, 0), len(positions))
        shuffled = sorted(positions, key=lambda position: seed_for(seed, digests[position]))
        for rank, position in enumerate(shuffled):
            num_children[position] = each + (rank < rest)
    return [
        Child(parent, number, seed_for(seed, digests[parent], number))
        for parent, count in enumerate(num_children)
        for number in range(1, count + 1)
    ]


def _wanted_size(label: str, largest: int, up_sampling: UpSamplingConfig, seed: int) -> int:
    generator = np.random.default_rng(seed_for(seed, "size of the class", label))
    change = generator.uniform(-up_sampling.jitter, up_sampling.jitter)
    return round(largest * up_sampling.target_ratio * (1 + change))
