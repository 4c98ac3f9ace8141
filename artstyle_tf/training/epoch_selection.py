"""Select the number of epochs on images of groups that training has not seen.

Validation images of a random split are by the artists of the training images. The epoch that is
best on them can be worse than the start on images of other artists; with few validation images, so
can the best epoch of any split (docs/benchmarks.md). Therefore the training images are divided into
folds without a common group, and a network is trained without each of them. The number of epochs
with the highest mean score, 0 for the start, is used for the training on all images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import (
    compile_group_pattern,
    connected,
    find_groups,
    suggest_group_pattern,
)
from artstyle_tf.images.split_images import SplitImages, originals
from artstyle_tf.images.splits.folds import assign_folds, too_small_for_folds
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import read_json_if_whole, write_json
from artstyle_tf.system.progress import SILENT, Reporter

NUM_FOLDS = 3

TrainPart = Callable[[np.ndarray, np.ndarray, str, int | None], pd.DataFrame]
"""(numbers of images to train on, numbers of held-out images, name of a folder, number of epochs
to train, None for all or until early stopping) -> history."""


@dataclass(frozen=True)
class EpochSelection:
    """How many epochs to train, and why.

    Attributes:
        epoch: selected number of epochs; 0 for the start.
        epochs: all that every fold has reached, in order; 0 if the start was scored.
        macro_f1: on held-out images after each of these, the mean over the folds.
        folds: the same for each fold.
        num_groups: groups of training images.
        group_pattern: regular expression by which the groups were read from file names; None if
            they were given.
    """

    epoch: int
    epochs: list[int]
    macro_f1: list[float]
    folds: list[list[float]]
    num_groups: int
    group_pattern: str | None

    @property
    def summary(self) -> str:
        """The comparison that decided, as text."""
        scores = dict(zip(self.epochs, self.macro_f1, strict=True))
        start = scores.pop(0, None)
        best = max(scores, key=lambda epoch: scores[epoch])
        compared = f"epoch {best} {scores[best]:.3f}"
        if start is not None:
            compared = f"start {start:.3f}, {compared}"
        return (
            f"{compared}: macro-F1 on training images of held-out groups, mean of "
            f"{len(self.folds)} folds"
        )


class NoGroupFoldsError(ArtstyleError):
    """Images cannot be divided into folds without a common group; the message is the reason."""


@dataclass(frozen=True)
class GroupFolds:
    """Training images in folds without a common group.

    Attributes:
        numbers: int [N], fold of each image, in [0, NUM_FOLDS).
        num_groups: groups of images.
        group_pattern: see `EpochSelection`.
    """

    numbers: np.ndarray
    num_groups: int
    group_pattern: str | None


def select_epoch(
    images: SplitImages,
    folds: GroupFolds,
    train_part: TrainPart,
    *,
    folder: Path,
    resume: bool,
    reporter: Reporter,
) -> EpochSelection:
    """Train without each fold in turn, and return the number of epochs with the best mean score.

    Args:
        images: N training images.
        folds: of these images.
        train_part: trains a new network and returns its history: columns epoch, with 0 for the
            start, and val_macro_f1.
        folder: for histories, and for the scores of finished folds.
        resume: use the folds that an interrupted call has finished.
        reporter: where progress goes.
    """
    file = folder / "scores.json"
    finished: list[dict[int, float]] = _read(file) if resume else []
    is_original = originals(images)
    for number in range(len(finished), NUM_FOLDS):
        is_held_out = folds.numbers == number
        held_out = np.flatnonzero(is_held_out & is_original)
        reporter.info(
            f"Selecting the number of epochs, fold {number + 1} of {NUM_FOLDS}: "
            f"{len(held_out)} training images are held out, no group of which is trained on"
        )
        # Epochs that an earlier fold has not reached, because it stopped early, are no candidates.
        most = min((max(scores) for scores in finished), default=None)
        trained = np.flatnonzero(~is_held_out)
        history = train_part(trained, held_out, f"fold_{number + 1}", most)
        scores = dict(zip(history["epoch"], history["val_macro_f1"], strict=True))
        finished.append({int(epoch): float(score) for epoch, score in scores.items()})
        write_json(file, {"folds": finished})
    epochs = sorted(set.intersection(*(set(scores) for scores in finished)))
    of_folds = [[scores[epoch] for epoch in epochs] for scores in finished]
    means = np.mean(of_folds, axis=0)
    selection = EpochSelection(
        epoch=epochs[int(means.argmax())],  # of equal ones the first
        epochs=epochs,
        macro_f1=means.tolist(),
        folds=of_folds,
        num_groups=folds.num_groups,
        group_pattern=folds.group_pattern,
    )
    chosen = f"epoch {selection.epoch}" if selection.epoch else "the start, without any epoch"
    reporter.info(f"Selected {chosen} ({selection.summary})")
    return selection


def divide_by_group(images: SplitImages, class_names: Sequence[str], *, seed: int) -> GroupFolds:
    """Divide training images into folds without a common group.

    Groups are those of the images, or else those that file names plainly contain. Copies of an
    image stay together.

    Raises:
        NoGroupFoldsError: if there are no groups, or too few.
    """
    rows = images.rows
    groups, pattern = rows["group"], None
    if not groups[originals(images)].duplicated().any():
        pattern = suggest_group_pattern(rows["source"].tolist(), rows["label"].tolist())
        if pattern is None:
            raise NoGroupFoldsError(
                "no groups such as artists are known, nor do file names contain them"
            )
        groups = find_groups(
            rows["source"].tolist(),
            root=Path(),  # of a file of groups only
            pattern=compile_group_pattern(pattern),
            file=None,
            reporter=SILENT,
        )
    clusters = connected(rows["source_digest"], groups)
    small = too_small_for_folds(
        images.labels, clusters, num_folds=NUM_FOLDS, class_names=class_names
    )
    if small:
        raise NoGroupFoldsError(f"too few groups of {', '.join(small.values())}")
    numbers = assign_folds(images.labels, clusters, num_folds=NUM_FOLDS, seed=seed)
    for number in range(NUM_FOLDS):
        trained = np.bincount(images.labels[numbers != number], minlength=len(class_names))
        if not trained.all():
            name = class_names[int(trained.argmin())]
            raise NoGroupFoldsError(f"one group has nearly all images of {name}")
    return GroupFolds(numbers, len(np.unique(clusters)), pattern)


def _read(file: Path) -> list[dict[int, float]]:
    content = read_json_if_whole(file) or {"folds": []}
    return [{int(epoch): score for epoch, score in fold.items()} for fold in content["folds"]]
