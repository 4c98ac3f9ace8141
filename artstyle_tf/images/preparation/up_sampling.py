"""How many augmented children which training picture gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artstyle_tf.images.batches.augmentation import POLICIES, seed_for
from artstyle_tf.system.errors import ArtstyleError


@dataclass(frozen=True)
class UpSampling:
    """Brings every class of the training split to about the same size by augmented children.

    Attributes:
        policy: a key of `augmentation.POLICIES`.
        target_ratio: wanted size of each class, as a multiple of the largest class.
        jitter: the wanted size is changed at random by up to this share, so that no class size
            gives away that it was made up; in [0, 1).
    """

    policy: str = "gentle"
    target_ratio: float = 1.10
    jitter: float = 0.05

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ArtstyleError(
                "There is no such augmentation policy",
                received=self.policy,
                expected=f"one of {', '.join(POLICIES)}",
            )
        if self.target_ratio <= 0 or not 0 <= self.jitter < 1:
            raise ArtstyleError(
                "The up-sampling is impossible",
                received=f"target_ratio={self.target_ratio}, jitter={self.jitter}",
                expected="target_ratio above 0 and jitter in [0, 1)",
            )


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
    labels: Sequence[str], digests: Sequence[str], *, up_sampling: UpSampling, seed: int
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


def _wanted_size(label: str, largest: int, up_sampling: UpSampling, seed: int) -> int:
    generator = np.random.default_rng(seed_for(seed, "size of the class", label))
    change = generator.uniform(-up_sampling.jitter, up_sampling.jitter)
    return round(largest * up_sampling.target_ratio * (1 + change))
