"""The number of augmented children of each training image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artstyle_tf.images.batches.augmentation import seed_for
from artstyle_tf.images.settings import UpsamplingConfig


@dataclass(frozen=True)
class Child:
    """An augmented image to create.

    Attributes:
        parent: position of the parent among the originals.
        number: of the child among the parent's children, from 1.
        seed: for `augment_image`.
    """

    parent: int
    number: int
    seed: int


def plan_children(
    labels: Sequence[str], digests: Sequence[str], *, upsampling: UpsamplingConfig, seed: int
) -> list[Child]:
    """Distribute the children that each class lacks evenly over its images.

    Args:
        labels: of the N training originals.
        digests: SHA-256 of their source files.
        upsampling: target sizes and policy.
        seed: of the preparation.

    Returns:
        Children ordered by parent. A child's seed depends on (seed, digest, number) alone, so it
        remains the same image when other images are added or removed.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        members[label].append(position)
    largest = max(map(len, members.values()), default=0)
    num_children = [0] * len(labels)
    for label, positions in members.items():
        generator = np.random.default_rng(seed_for(seed, "size of the class", label))
        change = generator.uniform(-upsampling.jitter, upsampling.jitter)
        target_size = round(largest * upsampling.target_ratio * (1 + change))
        lacking = target_size - len(positions)
        each, rest = divmod(max(lacking, 0), len(positions))
        shuffled = sorted(positions, key=lambda position: seed_for(seed, digests[position]))
        for rank, position in enumerate(shuffled):
            num_children[position] = each + (rank < rest)
    return [
        Child(parent, number, seed_for(seed, digests[parent], number))
        for parent, count in enumerate(num_children)
        for number in range(1, count + 1)
    ]
