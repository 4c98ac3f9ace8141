"""Inputs of a training from the trunk cache: frozen blocks see each view of an image once, ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.batches.batches import (
    cached_evaluation_batches,
    cached_training_batches,
)
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.batches.image_store import view_batches
from artstyle_tf.images.batches.views import make_view
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_features, build_top
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.activation_plan import (
    ActivationPlan,
    ActivationRequest,
    row_keys,
)
from artstyle_tf.training.image_inputs import ImageInputs
from artstyle_tf.training.trainer import TrainingData
from artstyle_tf.trunk_cache.activation_cache import ActivationCache, Activations
from artstyle_tf.trunk_cache.cache_decision import (
    CacheCosts,
    CacheDecision,
    decide_on_cache,
    obstacle,
)
from artstyle_tf.trunk_cache.cache_folder import trunk_cache_folder
from artstyle_tf.trunk_cache.frozen_graph import freeze
from artstyle_tf.trunk_cache.settings import CacheMode


class CachedInputs(ImageInputs):
    """Inputs whose activations come from the trunk cache; images where nothing is frozen.

    Args:
        plan: which boundary serves which part of the run.
        cache: stores the activations.
    """

    def __init__(
        self,
        config: TrainingExperiment,
        network: Network,
        splits: dict[str, SplitImages],
        order: EpochOrder,
        reporter: Reporter,
        *,
        plan: ActivationPlan,
        cache: ActivationCache,
    ) -> None:
        super().__init__(config, network, splits, order, reporter)
        self._plan = plan
        self._cache = cache
        self._tops: dict[int, keras.Model] = {}

    def _features(self, split: str) -> np.ndarray:
        rows = self._rows_at_0(split)
        return self._predict(self._to_features, self._batches(rows, split), len(rows))

    @cached_property
    def _to_features(self) -> keras.Model:
        return build_features(self._network)

    def mean_row(self, split: str) -> np.ndarray:
        """Compute the mean activations of the plain images at boundary 0: float64 [D]."""
        rows = self._rows_at_0(split)
        total = np.zeros(rows.row_shape)
        for batch, _ in self._batches(rows, split):
            total += np.asarray(batch, np.float64).sum(axis=0)
        return total / len(rows)

    def training_data(self, position: int) -> TrainingData:
        """Return the batches of the phase at this position of the plan."""
        boundary = self._plan.boundaries[position]
        if boundary is None:
            return super().training_data(position)
        for_training, for_validation = self._plan.for_phases(position)
        train_rows = self.fill(for_training)[boundary]
        val_rows = self.fill(for_validation)[boundary]
        train_labels = self._splits["train"].labels
        return TrainingData(
            batches_from=lambda first_epoch: cached_training_batches(
                train_rows, train_labels, self._order, first_epoch=first_epoch
            ),
            steps_per_epoch=self._order.steps_per_epoch,
            validation_batches=self._batches(val_rows, "val"),
            boundary=boundary,
        )

    def outputs(self, split: str, description: str | None = None) -> np.ndarray:
        """Compute the network's outputs for the plain images now: float32 [N, K].

        Args:
            description: for the progress report; None for none.
        """
        boundary = self._plan.boundary_never_trained
        if boundary is None:
            return super().outputs(split, description)
        rows = self.fill(self._plan.for_outputs(split, boundary))[boundary]
        if boundary not in self._tops:
            self._tops[boundary] = build_top(self._network, boundary)
        return self._predict(
            self._tops[boundary], self._batches(rows, split), len(rows), description
        )

    def fill(self, request: ActivationRequest) -> dict[int, Activations]:
        """Return boundary -> rows of a request; those that are not cached yet are computed."""
        images, views = self._splits[request.split], request.views
        digests = images.rows["digest"].tolist()

        def load(positions: np.ndarray) -> Iterator[np.ndarray]:
            return view_batches(
                images.store,
                positions // views.num_views,
                positions % views.num_views,
                make_view=lambda image, number, view: make_view(
                    views, image, digests[number], view
                ),
                batch_size=self._order.batch_size,
            )

        in_views = f" in {views.num_views} views" if views.num_views > 1 else ""
        return self._cache.activations(
            request.boundaries,
            row_keys(images, views),
            load,
            num_views=views.num_views,
            dtype=request.dtype,
            description=f"{request.split} images{in_views}",
        )

    def _rows_at_0(self, split: str) -> Activations:
        return self.fill(self._plan.for_features(split))[0]

    def _batches(self, rows: Activations, split: str) -> Iterable[Any]:
        labels = self._splits[split].labels
        return cached_evaluation_batches(rows, labels, batch_size=self._order.batch_size)


def open_cache(config: TrainingExperiment, network: Network, reporter: Reporter) -> ActivationCache:
    """Open the trunk cache for a network; reads nothing yet."""
    settings = config.training.trunk_cache
    return ActivationCache(
        trunk_cache_folder(config.outputs, settings.folder),
        network,
        preprocessing={"image_size_px": config.model.image_size_px, "aspect": config.data.aspect},
        size_limit_bytes=int(settings.size_limit_gb * 1e9),
        runtime=settings.runtime,
        compile_trunk=freeze,
        reporter=reporter,
    )


def open_inputs(
    config: TrainingExperiment,
    network: Network,
    splits: dict[str, SplitImages],
    order: EpochOrder,
    *,
    mode: CacheMode,
    reporter: Reporter,
    cache: ActivationCache | None = None,
) -> tuple[ImageInputs, CacheDecision]:
    """Choose images, or cached activations where possible and cheaper; compute nothing yet.

    `cache` is what `open_cache` returned for this network; None to open it here.

    Raises:
        CacheImpossibleError: if the mode requires a cache that is not possible.
    """
    plan = ActivationPlan(config)
    cache = cache or open_cache(config, network, reporter)
    impossible = obstacle(
        online_augmentation=config.data.online_augmentation is not None,
        trains_batch_norm=config.training.batch_norm == "trained",
        has_frozen_blocks=plan.has_frozen_blocks,
    )
    costs = CacheCosts(0, 0, 0, 0)
    if mode != "never" and impossible is None:
        costs = plan.costs(splits, cache)
    decision = decide_on_cache(mode, impossible, costs)
    if not decision.use:
        return ImageInputs(config, network, splits, order, reporter), decision
    inputs = CachedInputs(config, network, splits, order, reporter, plan=plan, cache=cache)
    return inputs, decision
