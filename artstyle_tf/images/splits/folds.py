"""Divide images for cross-validation: each is evaluated once, by a model not trained on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.index.ties import Ties, size_in_words
from artstyle_tf.images.splits.stratification import stratify
from artstyle_tf.system.errors import ArtstyleError

# One each for test, validation and training.
_MIN_CLUSTERS = 3


def check_folds(
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_folds: int,
    class_names: Sequence[str],
    ties: Ties | None = None,
) -> None:
    """Check that every style can be trained on and evaluated in turn.

    Args:
        labels: int [N], class ids.
        clusters: int [N], equal for images that must not be in two folds.
        num_folds: K.
        class_names: of the class ids.
        ties: the origin of the clusters, for the message.

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
            expected=f"at least {num_folds} images of a style, in at least {_MIN_CLUSTERS} "
            "groups (an image without siblings is a group of its own)",
            fix=f"{remedy}; or remove the style's folder"
            if remedy
            else "use fewer folds, add images to the style, or remove its folder",
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
    """Check that every style has training images for each fold, which large groups may prevent.

    Arguments as for `check_folds` and `split_fold`; `seeds` are those of the repeats.

    Raises:
        ArtstyleError: naming the first fold and the styles.
    """
    for seed in seeds:
        folds = assign_folds(labels, clusters, num_folds=num_folds, seed=seed)
        for number in range(num_folds):
            splits = split_fold(
                labels, clusters, folds, number, validation_fraction=validation_fraction, seed=seed
            )
            trained = np.bincount(labels[splits == "train"], minlength=len(class_names))
            lacking = {
                name: _size_in_words(labels == label, clusters, name, ties)
                for label, name in enumerate(class_names)
                if not trained[label]
            }
            if lacking:
                raise ArtstyleError(
                    f"The images cannot be divided into {num_folds} folds",
                    received=f"no training image of {examples(lacking)} when fold {number + 1} is "
                    f"left out: {examples(lacking.values())}",
                    expected="images of every style in several groups that are not too large",
                    fix="add images of other groups, try another seed, or remove the style",
                )


def too_small_for_folds(
    labels: np.ndarray,
    clusters: np.ndarray,
    *,
    num_folds: int,
    class_names: Sequence[str],
    ties: Ties | None = None,
) -> dict[int, str]:
    """Find the styles that cannot be trained on and evaluated in turn; arguments as `check_folds`.

    Returns:
        Class id -> name and size of the style, and what ties its images, as text.
    """
    small = {}
    for label, name in enumerate(class_names):
        of_class = clusters[labels == label]
        if len(of_class) < num_folds or len(np.unique(of_class)) < _MIN_CLUSTERS:
            small[label] = _size_in_words(labels == label, clusters, name, ties)
    return small


def _size_in_words(members: np.ndarray, clusters: np.ndarray, name: str, ties: Ties | None) -> str:
    why = "" if ties is None else ties.why_so_few(members)
    num_clusters = len(np.unique(clusters[members]))
    return f"{name} with {size_in_words(int(members.sum()), num_clusters)}{why}"


def assign_folds(
    labels: np.ndarray, clusters: np.ndarray, *, num_folds: int, seed: int
) -> np.ndarray:
    """Divide every class evenly among K folds without dividing a cluster: int [N], in [0, K).

    Class ids, the labels, are int [N]; clusters int [N], equal for images that must not be in two
    folds.
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
    """Return str [N]: "test" for one of the folds from `assign_folds`, "val" or "train" for others.

    `validation_fraction` is the share of the other images for model selection.
    """
    splits = np.full(len(labels), "test", dtype=object)
    others = folds != number
    shares = np.array([1.0 - validation_fraction, validation_fraction])
    generator = np.random.default_rng([seed, number])
    chosen = stratify(labels[others], clusters[others], shares, generator)
    splits[others] = np.array(["train", "val"], dtype=object)[chosen]
    return splits
