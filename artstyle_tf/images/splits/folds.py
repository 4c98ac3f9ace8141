"""Dividing images for cross-validation: each is judged once, by who has not learned it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.index.ties import Ties, size_in_words
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.system.errors import ArtstyleError

# One to be judged, one to decide by, one to learn from.
_FEWEST_CLUSTERS = 3


def check_folds(
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_folds: int,
    class_names: Sequence[str],
    ties: Ties | None = None,
) -> None:
    """Whether every style can be learned from and judged in turn.

    Args:
        labels: int [N], class ids.
        clusters: int [N], equal for images that must not be in two folds.
        num_folds: folds.
        class_names: of the class ids.
        ties: what makes the clusters, for the message.

    Raises:
        ArtstyleError: naming the styles that are too small, and what ties their images.
    """
    small = too_small_for_folds(
        labels, clusters, num_folds=num_folds, class_names=class_names, ties=ties
    )
    if small:
        remedy = ties.remedy(labels == label for label in small) if ties is not None else None
        raise ArtstyleError(
            f"The images cannot be divided into {num_folds} folds",
            received=examples(small.values()),
            expected=f"at least {num_folds} images of a style, in at least {_FEWEST_CLUSTERS} "
            "groups (an image without siblings is a group of its own)",
            fix=f"{remedy}; or take the style's folder away"
            if remedy
            else "take fewer folds, add images to the style, or take its folder away",
        )


def check_learned_in_every_fold(
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_folds: int,
    class_names: Sequence[str],
    validation_fraction: float,
    seeds: Iterable[int],
    ties: Ties | None = None,
) -> None:
    """Whether every style is learned from whichever fold is left out: large groups may prevent it.

    Args:
        labels: int [N], class ids in [0, C).
        clusters: int [N], equal for images that must not be in two folds.
        num_folds: folds.
        class_names: of the class ids.
        validation_fraction: as for `split_fold`.
        seeds: of the repeats.
        ties: what makes the clusters, for the message.

    Raises:
        ArtstyleError: naming the first fold and the styles.
    """
    for seed in seeds:
        folds = assign_folds(labels, clusters, num_folds=num_folds, seed=seed)
        for number in range(num_folds):
            splits = split_fold(
                labels, clusters, folds, number, validation_fraction=validation_fraction, seed=seed
            )
            learned = np.bincount(labels[splits == "train"], minlength=len(class_names))
            lacking = {
                label: _size_in_words(labels == label, clusters, name, ties)
                for label, name in enumerate(class_names)
                if not learned[label]
            }
            if lacking:
                names = [class_names[label] for label in lacking]
                raise ArtstyleError(
                    f"The images cannot be divided into {num_folds} folds",
                    received=f"nothing of {examples(names)} to learn from when fold "
                    f"{number + 1} is left out: {examples(lacking.values())}",
                    expected="images of every style in several groups that are not too large",
                    fix="add images of other groups, try another seed, or take the style away",
                )


def too_small_for_folds(
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_folds: int,
    class_names: Sequence[str],
    ties: Ties | None = None,
) -> dict[int, str]:
    """Find the styles that cannot be learned and evaluated in turn.

    Args:
        labels: int [N], class ids.
        clusters: int [N], equal for images that must not be in two folds.
        num_folds: folds.
        class_names: of the class ids.
        ties: what makes the clusters, for the words.

    Returns:
        Class id -> name and size of the style, in words, and what ties its images.
    """
    small = {}
    for label, name in enumerate(class_names):
        of_class = clusters[labels == label]
        num_clusters = len(np.unique(of_class))
        if len(of_class) < num_folds or num_clusters < _FEWEST_CLUSTERS:
            small[label] = _size_in_words(labels == label, clusters, name, ties)
    return small


def _size_in_words(members: np.ndarray, clusters: np.ndarray, name: str, ties: Ties | None) -> str:
    why = "" if ties is None else ties.why_so_few(members)
    num_clusters = len(np.unique(clusters[members]))
    return f"{name} with {size_in_words(int(members.sum()), num_clusters)}{why}"


def assign_folds(
    labels: np.ndarray, clusters: np.ndarray, *, num_folds: int, seed: int
) -> np.ndarray:
    """Divides every class evenly, and no cluster.

    Args:
        labels: int [N], in [0, C).
        clusters: int [N], equal for images that must not be in two folds.
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
    validation_fraction: float,
    seed: int,
) -> np.ndarray:
    """The splits in which one fold is judged.

    Args:
        labels: int [N], in [0, C).
        clusters: int [N], equal for images that must not be in two splits.
        folds: int [N], from `assign_folds`.
        number: of the fold to judge.
        validation_fraction: share of the other images that decides when to stop.
        seed: of the shuffling.

    Returns:
        str [N]: "test" for the fold, "val" or "train" for the others.
    """
    splits = np.full(len(labels), "test", dtype=object)
    others = folds != number
    shares = np.array([1.0 - validation_fraction, validation_fraction])
    generator = np.random.default_rng([seed, number])
    chosen = stratify(labels[others], clusters[others], shares, generator)
    splits[others] = np.array(["train", "val"], dtype=object)[chosen]
    return splits
