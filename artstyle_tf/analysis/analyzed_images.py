"""The images of an analysis with their features, and how they are divided into folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analysis_source import AnalysisSource
from artstyle_tf.analysis.feature_shards import FeatureShards
from artstyle_tf.analysis.group_scaler import GroupScaler
from artstyle_tf.analysis.settings import FoldsConfig
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.index.near_duplicates import find_near_duplicates
from artstyle_tf.images.index.ties import Ties
from artstyle_tf.images.split_images import class_ids
from artstyle_tf.images.splits.folds import assign_folds, check_folds, too_small_for_folds
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.progress import Reporter

SHEET_IMAGE_PX = 160


@dataclass(frozen=True)
class AnalyzedImages:
    """N images with features.

    Attributes:
        rows: of the manifest.
        features: float32 [N, D].
        labels: int32 [N], class ids.
        class_names: C names.
        groups: parts of the features; see `heads.closed_form.feature_scales`.
        looks_like: int [N], equal for images that look the same.
        root: folder of the prepared images.
    """

    rows: pd.DataFrame
    features: np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]
    groups: Sequence[FeatureGroup]
    looks_like: np.ndarray
    root: Path

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_copy(self) -> np.ndarray:
        """Augmented copies: bool [N]."""
        return (self.rows["parent"] != "").to_numpy()

    @property
    def is_train(self) -> np.ndarray:
        """What may be learned from: bool [N]; everything where there is no training split."""
        is_train = (self.rows["split"] == "train").to_numpy()
        return is_train if is_train.any() else np.ones(len(self), dtype=bool)

    def only(self, chosen: np.ndarray) -> AnalyzedImages:
        """Some of the images: bool [N]."""
        return AnalyzedImages(
            self.rows[chosen].reset_index(drop=True),
            self.features[chosen],
            self.labels[chosen],
            self.class_names,
            self.groups,
            self.looks_like[chosen],
            self.root,
        )

    def scaled(self) -> np.ndarray:
        """Features as they are compared, every group of them counting alike: float64 [N, D]."""
        scaler = GroupScaler(
            [group.size for group in self.groups], [group.has_one_scale for group in self.groups]
        )
        return scaler.fit_transform(self.features)

    def clusters(self, *, by_group: bool) -> np.ndarray:
        """What hangs together: copies, and groups if asked for: int [N] in [0, G)."""
        return self._ties(by_group=by_group).clusters

    def _ties(self, *, by_group: bool) -> Ties:
        return Ties(
            self.rows["source"],
            group=self.rows["group"] if by_group else None,
            digest=self.rows["source_digest"],
            looks_like=self.looks_like,
        )

    def dividable(
        self, settings: FoldsConfig, *, what: str, reporter: Reporter
    ) -> AnalyzedImages | None:
        """Leave out styles that are too small for folds, and say so.

        Args:
            settings: of the folds.
            what: is done on the folds, for the warning.
            reporter: told which styles are left out.

        Returns:
            Images of the other styles; None if these are fewer than two.
        """
        clusters = self.clusters(by_group=settings.by_group)
        originals = ~self.is_copy
        small = too_small_for_folds(
            self.labels[originals],
            clusters[originals],
            num_folds=settings.num_folds,
            class_names=self.class_names,
            ties=self.only(originals)._ties(by_group=settings.by_group),
        )
        present = set(np.unique(self.labels).tolist())
        left_out = {label: told for label, told in small.items() if label in present}
        if len(present) - len(left_out) < 2:
            told = f"; too small are {examples(left_out.values())}" if left_out else ""
            reporter.warn(
                f"Left out: {what}. It takes two styles that {settings.num_folds} folds can divide"
                f"{told}."
            )
            return None
        if not left_out:
            return self
        reporter.warn(
            f"Without {examples(left_out.values())}: {what}. {settings.num_folds} folds cannot "
            "divide so few images."
        )
        return self.only(~np.isin(self.labels, list(left_out)))

    def folds(self, settings: FoldsConfig, *, seed: int) -> np.ndarray:
        """Divides the images; copies, and groups if asked for, stay together: int [N].

        Raises:
            ArtstyleError: if a style has too few images.
        """
        clusters = self.clusters(by_group=settings.by_group)
        present, labels = np.unique(self.labels, return_inverse=True)
        names = [str(self.class_names[number]) for number in present]
        originals = ~self.is_copy
        check_folds(
            labels[originals],
            clusters[originals],
            num_folds=settings.num_folds,
            class_names=names,
            ties=self.only(originals)._ties(by_group=settings.by_group),
        )
        return assign_folds(labels, clusters, num_folds=settings.num_folds, seed=seed)

    def show(self) -> Callable[[int], np.ndarray]:
        """Function position -> image uint8 [S, S, 3], for sheets."""
        store = ImageStore(
            [self.root / path for path in self.rows["path"]], image_size_px=SHEET_IMAGE_PX
        )
        return lambda position: store.load(position).numpy()


def read_analyzed_images(
    source: AnalysisSource,
    shards: FeatureShards,
    groups: Sequence[FeatureGroup],
    *,
    max_images: int,
    seed: int,
    reporter: Reporter,
) -> AnalyzedImages:
    """Reads features, of a random part where there are too many images to hold in memory.

    Args:
        source: of the images.
        shards: their features.
        groups: of the features.
        max_images: that are analyzed, with their augmented copies.
        seed: of the choice.
        reporter: told if images are left out.
    """
    rows = shards.images
    positions = np.arange(len(rows))
    if len(rows) > max_images:
        reporter.info(
            f"Features of {len(rows):,} images are in {shards.folder}; {max_images:,} of "
            "them, drawn at random, are analyzed (max_images)."
        )
        generator = np.random.default_rng(seed)
        positions = np.sort(generator.choice(len(rows), max_images, replace=False))
    rows = rows.iloc[positions].reset_index(drop=True)
    return AnalyzedImages(
        rows=rows,
        features=shards.read(positions),
        labels=class_ids(rows["label"], source.class_names),
        class_names=source.class_names,
        groups=groups,
        looks_like=find_near_duplicates(source.prepared.root, list(rows["path"]), reporter),
        root=source.prepared.root,
    )
