"""Which pictures are most like their style, and which lie between two."""

from __future__ import annotations

import numpy as np


def most_typical(
    labels: np.ndarray, probabilities: np.ndarray, *, per_class: int
) -> list[np.ndarray]:
    """Pictures that are recognised most surely by what has not learnt them.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], out of fold.
        per_class: pictures of each class at most.

    Returns:
        For each class that occurs, in order, positions int [<= per_class], the most typical first.
    """
    own = probabilities[np.arange(len(labels)), labels]
    return [_first_of(labels == label, -own, per_class) for label in np.unique(labels)]


def most_ambiguous(
    labels: np.ndarray, probabilities: np.ndarray, *, per_class: int
) -> list[np.ndarray]:
    """Pictures that are as probably of their own style as of another one.

    Args:
        labels: int [N], class ids in [0, C).
        probabilities: float [N, C], out of fold.
        per_class: pictures of each class at most.

    Returns:
        For each class that occurs, in order, positions int [<= per_class], the most ambiguous
        first: those with the smallest distance between the probabilities of the own style and of
        the most probable other one.
    """
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    others = np.array(probabilities, dtype=np.float64)
    others[rows, labels] = -np.inf
    distance = np.abs(own - others.max(axis=1))
    return [_first_of(labels == label, distance, per_class) for label in np.unique(labels)]


def _first_of(is_member: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    members = np.flatnonzero(is_member)
    return members[np.argsort(values[members], kind="stable")][:count]
