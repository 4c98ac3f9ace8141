"""Prepared images of one split, with labels and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.settings import DataConfig


@dataclass(frozen=True)
class SplitImages:
    """The N images of a split.

    Attributes:
        rows: of the manifest, in the order of the images' numbers.
        labels: int32 [N], positions in the class names.
        store: their pixels.
    """

    rows: pd.DataFrame
    labels: np.ndarray
    store: ImageStore

    def __len__(self) -> int:
        return len(self.rows)


def read_splits(
    prepared: PreparedImages,
    class_names: Sequence[str],
    data: DataConfig,
    *,
    image_size_px: int,
) -> dict[str, SplitImages]:
    """Return the images of every split that has any, not decoded; "train" includes children."""
    splits = {}
    for split, rows in prepared.manifest.groupby("split", sort=False):
        store = ImageStore(
            [prepared.root / path for path in rows["path"]],
            image_size_px=image_size_px,
            aspect=data.aspect,
            digests=list(rows["digest"]),
        )
        labels = class_ids(rows["label"], class_names)
        splits[str(split)] = SplitImages(rows.reset_index(drop=True), labels, store)
    return splits


def class_ids(labels: pd.Series, class_names: Sequence[str]) -> np.ndarray:
    """Convert class names to int32 [N] positions in `class_names`."""
    positions = {name: position for position, name in enumerate(class_names)}
    return labels.map(positions).to_numpy(dtype=np.int32)


def select_images(images: SplitImages, numbers: np.ndarray) -> SplitImages:
    """Return some of the images; `numbers` are int [n], positions in [0, N)."""
    return SplitImages(
        images.rows.iloc[numbers].reset_index(drop=True),
        images.labels[numbers],
        images.store.select(numbers),
    )


def join_images(first: SplitImages, second: SplitImages) -> SplitImages:
    """Return the images of both, which have the same size."""
    return SplitImages(
        pd.concat([first.rows, second.rows], ignore_index=True),
        np.concatenate([first.labels, second.labels]),
        first.store.join(second.store),
    )


def originals(images: SplitImages) -> np.ndarray:
    """Return which images are not augmented copies: bool [N]."""
    return (images.rows["parent"] == "").to_numpy()
