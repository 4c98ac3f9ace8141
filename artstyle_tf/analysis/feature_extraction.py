"""Pictures -> features on disk, with the fastest exact forward passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from artstyle_tf.analysis.analysis_source import AnalysisSource
from artstyle_tf.analysis.feature_network import FeatureNetwork
from artstyle_tf.analysis.feature_shards import FeatureShards
from artstyle_tf.images.batches.batches import evaluation_batches, steps_per_epoch
from artstyle_tf.images.batches.image_store import PictureStore, errors_of_reading
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache.frozen_graph import freeze
from artstyle_tf.trunk_cache.trunk_runtime import TrunkRuntime, open_trunk_runtime


def extract_features(
    source: AnalysisSource,
    network: FeatureNetwork,
    *,
    root: Path,
    batch_size: int,
    invocation: Invocation,
) -> FeatureShards:
    """Computes what is not on disk yet.

    Args:
        source: whose pictures.
        network: what computes their features.
        root: folder of all features.
        batch_size: of the forward passes.
        invocation: how the program was called.

    Returns:
        The features of all pictures, augmented copies too.

    Raises:
        ArtstyleError: if a picture cannot be read any more, or the folder cannot be written.
    """
    description = {
        "layer": network.layer,
        "weights": weights_digest(network.model),
        "keras": keras.__version__,
        "image_size_px": source.image_size_px,
        "aspect": source.aspect,
        "dimension": int(network.model.output_shape[-1]),
    }
    shards = FeatureShards(
        root,
        network.layer.replace("/", "_"),  # not of the run: frozen networks share their features
        description,
        source.prepared.manifest,
        reporter=invocation.reporter,
    )
    compute = _Computation(source, network.model, batch_size, invocation.reporter)
    with invocation.stopwatch.stage("features"), errors_of_reading():
        shards.extract(compute)
    return shards


class _Computation:
    """Forward passes for one shard after the other; pictures are read batch by batch."""

    def __init__(
        self, source: AnalysisSource, model: keras.Model, batch_size: int, reporter: Reporter
    ) -> None:
        self._source = source
        self._model = model
        self._batch_size = batch_size
        self._reporter = reporter
        self._runtime: TrunkRuntime | None = None

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        batches = self._reporter.track(
            self._pictures(rows),
            total=steps_per_epoch(len(rows), self._batch_size),
            description=f"Features of {len(rows):,} pictures",
            unit="batches",
        )
        return np.concatenate([self._run(pictures) for pictures in batches])

    def _pictures(self, rows: pd.DataFrame) -> Iterator[np.ndarray]:
        store = PictureStore(
            [self._source.prepared.root / path for path in rows["path"]],
            image_size_px=self._source.image_size_px,
            aspect=self._source.aspect,
            digests=list(rows["digest"]),
        )
        unknown = np.zeros(len(rows), np.int32)  # the labels do not matter here
        batches = evaluation_batches(store, unknown, batch_size=self._batch_size)
        for pictures, _ in batches.as_numpy_iterator():
            yield pictures

    def _run(self, pictures: np.ndarray) -> np.ndarray:
        if self._runtime is None:
            self._runtime = open_trunk_runtime(
                self._model, "auto", pictures, compile_trunk=freeze, reporter=self._reporter
            )
        (features,) = self._runtime.run(pictures)
        return features
