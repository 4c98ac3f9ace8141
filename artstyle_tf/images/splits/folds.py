"""Dividing pictures for cross-validation: each is judged once, by who has not learnt it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.system.errors import ArtstyleError

# One to be judged, one to decide by, one to learn from.
_FEWEST_CLUSTERS = 3


def check_folds(
    labels: np.ndarray, clusters: np.ndarray, *, num_folds: int, class_names: Sequence[str]
) -> None:
    """Whether every style can be learnt from and judged in turn.

    Args:
        labels: int [N], class ids.
        clusters: int [N], equal for pictures that must not be in two folds.
        num_folds: folds.
        class_names: of the class ids.

    Raises:
        ArtstyleError: naming the styles that are too small.
    """
    small = too_small_for_folds(labels, clusters, num_folds=num_folds, class_names=class_names)
    if small:
        raise ArtstyleError(
            f"The pictures cannot be divided into {num_folds} folds",
            received=examples(small.values()),
            expected=f"at least {num_folds} pictures of a style, in at least {_FEWEST_CLUSTERS} "
            "groups (a picture without siblings is a group of its own)",
            fix="take fewer folds, add pictures to the style, or take its folder away",
        )


def check_learned_in_every_fold(
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_folds: int,
    class_names: Sequence[str],
    validation_share: float,
    seeds: Iterable[int],
) -> None:
    """Whether every style is learned from whichever fold is left out: large groups may prevent it.

    Args:
        labels: int [N], class ids in [0, C).
        clusters: int [N], equal for images that must not be in two folds.
        num_folds: folds.
        class_names: of the class ids.
        validation_share: as for `split_fold`.
        seeds: of the repeats.

    Raises:
        ArtstyleError: naming the first fold and the styles.
    """
    for seed in seeds:
        folds = assign_folds(labels, clusters, num_folds=num_folds, seed=seed)
        for number in range(num_folds):
            splits = split_fold(
                labels, clusters, folds, number, validation_share=validation_share, seed=seed
            )
            learned = np.bincount(labels[splits == "train"], minlength=len(class_names))
            lacking = [name for name, count in zip(class_names, learned, strict=True) if not count]
            if lacking:
                raise ArtstyleError(
                    f"The pictures cannot be divided into {num_folds} folds",
                    received=f"nothing of {examples(lacking)} to learn from when fold "
                    f"{number + 1} is left out",
                    expected="pictures of every style in several groups that are not too large",
                    fix="add pictures of other groups, try another seed, or take the style away",
                )


def too_small_for_folds(
    labels: np.ndarray, clusters: np.ndarray, *, num_folds: int, class_names: Sequence[str]
) -> dict[int, str]:
    """Find the styles that cannot be learned and evaluated in turn.

    Args:
        labels: int [N], class ids.
        clusters: int [N], equal for images that must not be in two folds.
        num_folds: folds.
        class_names: of the class ids.

    Returns:
        Class id -> name and size of the style, in words.
    """
    small = {}
    for label, name in enumerate(class_names):
        of_class = clusters[labels == label]
        num_clusters = len(np.unique(of_class))
        if len(of_class) < num_folds or num_clusters < _FEWEST_CLUSTERS:
            small[label] = f"{name} with {len(of_class)} pictures in {num_clusters} groups"
    return small


def assign_folds(
    labels: np.ndarray, clusters: np.ndarray, *, num_folds: int, seed: int
) -> np.ndarray:
    """Divides every class evenly, and no cluster.

    Args:
        labels: int [N], in [0, C).
        clusters: int [N], equal for pictures that must not be in two folds.
        num_folds: K.
        seed: of the shuffling.

    Returns:
        int [N], in [0, K).
    """
    shares = np.full(num_folds, 1.0 / num_folds)
    return stratify(labels, clusters, shares, np.random.default_rng([seed, num_folds]))


def split_fold(
    labels: np.ndarray,
    clusters: np.ndarray,
    folds: np.ndarray,
    number: int,
    *,
    validation_share: float,
    seed: int,
) -> np.ndarray:
    """The splits in which one fold is judged.

    Args:
        labels: int [N], in [0, C).
        clusters: int [N], equal for pictures that must not be in two splits.
        folds: int [N], from `assign_folds`.
        number: of the fold to judge.
        validation_share: share of the other pictures that decides when to stop.
        seed: of the shuffling.

    Returns:
        str [N]: "test" for the fold, "val" or "train" for the others.
    """
    splits = np.full(len(labels), "test", dtype=object)
    others = folds != number
    shares = np.array([1.0 - validation_share, validation_share])
    generator = np.random.default_rng([seed, number])
    chosen = stratify(labels[others], clusters[others], shares, generator)
    splits[others] = np.array(["train", "val"], dtype=object)[chosen]
    return splits
