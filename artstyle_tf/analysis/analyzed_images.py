"""The network and the images of an analysis, and how the images are divided into folds."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from artstyle_tf.analysis.feature_shards import FeatureShards
from artstyle_tf.analysis.group_scaler import GroupScaler
from artstyle_tf.analysis.paths import find_analyzed_run
from artstyle_tf.analysis.settings import AnalyzeExperiment, FoldsConfig
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.index.near_duplicates import find_near_duplicates
from artstyle_tf.images.index.ties import Ties
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import index_and_split_what_can_be, prepare
from artstyle_tf.images.reading.decoding import AspectPolicy
from artstyle_tf.images.split_images import class_ids
from artstyle_tf.images.splits.folds import assign_folds, check_folds, too_small_for_folds
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.runs.known_images import find_known_images
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import other_images, own_images
from artstyle_tf.runs.served_run import load_run_model
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter

SHEET_IMAGE_PX = 160


@dataclass(frozen=True)
class AnalysisSource:
    """A network, and the images whose features are analyzed.

    Attributes:
        name: of the run or the backbone.
        model: images float32 [B, S, S, 3] -> logits, embedding or feature map.
        prepared: the images of all splits, augmented copies too.
        class_names: in the order of the class ids.
        aspect: how an image is made square.
    """

    name: str
    model: keras.Model
    prepared: PreparedImages
    class_names: Sequence[str]
    aspect: AspectPolicy

    @property
    def image_size_px(self) -> int:
        """Side of the square images."""
        return int(self.model.input_shape[1])


@contextmanager
def open_source(config: AnalyzeExperiment, invocation: Invocation) -> Iterator[AnalysisSource]:
    """Open network and images; prepared copies of another folder are deleted afterwards."""
    run = find_analyzed_run(config)
    if run is None:
        yield _bare_backbone(config, invocation)
        return
    trained = read_run_config(run)
    # Before the refit, because a network that was trained on the validation images would be
    # overconfident about them.
    model, class_names = load_run_model(run, trained, before_refit=True), run.read_class_names()

    def source(prepared: PreparedImages) -> AnalysisSource:
        return AnalysisSource(run.path.name, model, prepared, class_names, trained.data.aspect)

    if config.images is None:
        yield source(own_images(run.read_images(), run, trained))
        return
    with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary:
        folder = Path(temporary) / "prepared"
        prepared = other_images(Path(config.images), folder, run, trained, invocation)
        known = find_known_images(run, trained, prepared, invocation.reporter)
        for warning in known.warnings():
            invocation.reporter.warn(warning)
        yield source(prepared)


def _bare_backbone(config: AnalyzeExperiment, invocation: Invocation) -> AnalysisSource:
    assert config.backbone is not None
    backbone = build_backbone(
        config.backbone, image_size_px=config.image_size_px, weights=config.weights
    )
    data = config.data
    if config.images is not None:
        data = data.model_copy(update={"images": config.images})
    index, images = index_and_split_what_can_be(data, invocation.reporter)
    with invocation.stopwatch.stage("preparation"):
        prepared = prepare(data, index, images, invocation.reporter, to_train=False)
    return AnalysisSource(
        config.backbone, backbone.model, prepared, index.class_names, config.data.aspect
    )


@dataclass(frozen=True)
class AnalyzedImages:
    """N images with features.

    Attributes:
        rows: of the manifest.
        features: float32 [N, D].
        labels: int32 [N], class ids.
        class_names: C names.
        groups: parts of the features; see `heads.closed_form.feature_scales`.
        looks_like: int [N], equal for near duplicates.
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
        """Images for fitting: bool [N]; all of them where there is no training split."""
        is_train = (self.rows["split"] == "train").to_numpy()
        return is_train if is_train.any() else np.ones(len(self), dtype=bool)

    def only(self, chosen: np.ndarray) -> AnalyzedImages:
        """Return some of the images: bool [N]."""
        return dataclasses.replace(
            self,
            rows=self.rows[chosen].reset_index(drop=True),
            features=self.features[chosen],
            labels=self.labels[chosen],
            looks_like=self.looks_like[chosen],
        )

    def scaled(self) -> np.ndarray:
        """Return the features with equally weighted groups: float64 [N, D]."""
        scaler = GroupScaler(
            [group.size for group in self.groups], [group.has_one_scale for group in self.groups]
        )
        return scaler.fit_transform(self.features)

    def ties(self, *, by_group: bool) -> Ties:
        """Return what images have in common: copies, and groups if `by_group`."""
        return Ties(
            self.rows["source"],
            group=self.rows["group"] if by_group else None,
            digest=self.rows["source_digest"],
            looks_like=self.looks_like,
        )

    def dividable(
        self, settings: FoldsConfig, *, what: str, reporter: Reporter
    ) -> AnalyzedImages | None:
        """Leave out styles that are too small for folds, with a warning.

        Args:
            settings: of the folds.
            what: is computed on the folds, for the warning.
            reporter: gets the warning.

        Returns:
            Images of the other styles; None if these are fewer than two.
        """
        originals = self.only(~self.is_copy)
        ties = originals.ties(by_group=settings.by_group)
        small = too_small_for_folds(
            originals.labels,
            self.ties(by_group=settings.by_group).clusters[~self.is_copy],
            num_folds=settings.num_folds,
            class_names=self.class_names,
            ties=ties,
        )
        present = set(np.unique(self.labels).tolist())
        left_out = {label: text for label, text in small.items() if label in present}
        if len(present) - len(left_out) < 2:
            details = f"; too small are {examples(left_out.values())}" if left_out else ""
            reporter.warn(
                f"Left out: {what}. It takes two styles that {settings.num_folds} folds can divide"
                f"{details}."
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
        """Divide the images; copies, and groups if configured, stay together: int [N].

        Raises:
            ArtstyleError: if a style has too few images.
        """
        clusters = self.ties(by_group=settings.by_group).clusters
        present, labels = np.unique(self.labels, return_inverse=True)
        originals = ~self.is_copy
        check_folds(
            labels[originals],
            clusters[originals],
            num_folds=settings.num_folds,
            class_names=[str(self.class_names[number]) for number in present],
            ties=self.only(originals).ties(by_group=settings.by_group),
        )
        return assign_folds(labels, clusters, num_folds=settings.num_folds, seed=seed)

    def image_loader(self) -> Callable[[int], np.ndarray]:
        """Return a function position -> image uint8 [S, S, 3], for sheets."""
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
    """Read features, of a random sample where there are too many images to hold in memory.

    Args:
        source: of the images.
        shards: their features.
        groups: of the features.
        max_images: to analyze, with their augmented copies.
        seed: of the sample.
        reporter: reports a sample.
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
