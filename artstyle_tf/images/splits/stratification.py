"""Divide labeled items by shares, without dividing groups."""

from __future__ import annotations

import numpy as np

_ALMOST_NONE = 1e-6


def stratify(
    labels: np.ndarray, groups: np.ndarray, shares: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Divide every class by the same shares and keep groups together.

    Groups of several members are placed first, the largest ones first, each where its classes lack
    most; then single members fill the gaps. Without groups every class is therefore divided
    exactly, by largest remainders. Last, a part without a class gets the smallest group of it that
    another part can spare; if there is none, the class stays missing.

    Args:
        labels: int [N], in [0, C). A class with fewer members than there are shares is in as many
            parts as it has members.
        groups: int [N].
        shares: float [S], above 0, with sum 1.
        generator: shuffles.

    Returns:
        int [N], in [0, S).
    """
    quotas = np.stack([_quotas(count, shares) for count in np.bincount(labels)])
    chosen = _place_groups(labels, groups, quotas, generator)
    _place_single_images(chosen, labels, quotas, generator)
    _give_every_class_to_every_split(chosen, labels, groups, quotas)
    return chosen


def _quotas(count: int, shares: np.ndarray) -> np.ndarray:
    """Divide a number by largest remainders, at least one for each share if that is possible."""
    exact = count * shares
    quotas = np.floor(exact + 1e-9).astype(int)
    # Stable, so that equal remainders go to train before val before test.
    by_remainder = np.argsort(-(exact - quotas).round(9), kind="stable")
    quotas[by_remainder[: count - quotas.sum()]] += 1
    while count >= len(shares) and quotas.min() < 1:
        quotas[quotas.argmin()] += 1
        quotas[quotas.argmax()] -= 1
    return quotas


def _place_groups(
    labels: np.ndarray, groups: np.ndarray, quotas: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Place the groups of several images: int [N], the split's number, or -1 for single images."""
    chosen = np.full(len(labels), -1)
    filled = np.zeros_like(quotas)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    several = [images for images in members if len(images) > 1]
    shuffled = [several[number] for number in generator.permutation(len(several))]
    for images in sorted(shuffled, key=len, reverse=True):
        classes, counts = np.unique(labels[images], return_counts=True)
        # The growth of sum((filled - quota)^2 / quota), in which relative gaps count, and twice
        # counts^2 / quota on top: a validation split filled by one artist evaluates that artist.
        counts, gap = counts[:, None], filled[classes] - quotas[classes]
        # A part whose quota of a class is zero gets it last.
        quota = np.maximum(quotas[classes], _ALMOST_NONE)
        growth = counts * (2 * gap + counts + 2 * counts) / quota
        split = int(np.argmin(growth.sum(axis=0)))
        chosen[images] = split
        filled[classes, split] += counts[:, 0]
    return chosen


def _place_single_images(
    chosen: np.ndarray, labels: np.ndarray, quotas: np.ndarray, generator: np.random.Generator
) -> None:
    for label, quota in enumerate(quotas):
        of_class = labels == label
        single = generator.permutation(np.flatnonzero(of_class & (chosen == -1)))
        placed = chosen[of_class & (chosen != -1)]
        lacking = np.maximum(quota - np.bincount(placed, minlength=len(quota)), 0)
        # More may be lacking than is left, where a group exceeds a quota: then all lack a little.
        counts = _share_out(len(single), lacking)
        chosen[single] = np.repeat(np.arange(len(quota)), counts)


def _share_out(count: int, quotas: np.ndarray) -> np.ndarray:
    if count == 0 or count == quotas.sum():
        return quotas if count else np.zeros_like(quotas)
    exact = count * quotas / quotas.sum()
    shared = np.floor(exact).astype(int)
    shared[np.argsort(shared - exact, kind="stable")[: count - shared.sum()]] += 1
    return shared


def _give_every_class_to_every_split(
    chosen: np.ndarray, labels: np.ndarray, groups: np.ndarray, quotas: np.ndarray
) -> None:
    """Move the smallest possible group wherever a class is missing in a split."""
    counts = np.zeros_like(quotas)
    np.add.at(counts, (labels, chosen), 1)
    for label, split in np.argwhere(counts == 0):
        if counts[label, split]:
            continue  # An earlier move has added this class, too.
        candidates = []
        for group in np.unique(groups[labels == label]):
            members = groups == group
            source = chosen[members][0]
            moved = np.bincount(labels[members], minlength=len(quotas))
            if np.all((counts[:, source] - moved)[moved > 0] > 0):
                candidates.append((members.sum(), group, source, moved))
        if candidates:
            _, group, source, moved = min(candidates, key=lambda candidate: candidate[:2])
            chosen[groups == group] = split
            counts[:, source] -= moved
            counts[:, split] += moved
