"""Training on kept activations: the frozen blocks see each view of an image once, ever."""

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
    steps_per_epoch,
)
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.batches.image_store import view_batches
from artstyle_tf.images.batches.views import make_view
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_features, build_top
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.training.activation_plan import (
    ActivationPlan,
    ActivationRequest,
    row_keys,
)
from artstyle_tf.training.image_inputs import (
    ImageInputs,
    TrainingInputs,
    check_features,
    predict,
)
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


class CachedInputs:
    """Training above the frozen blocks, whose activations come from the trunk cache.

    Args:
        network: what is trained.
        splits: the images.
        order: of the training images.
        plan: which boundary serves which part of the run.
        cache: keeps the activations.
        plain: serves the phases that leave nothing frozen.
        reporter: where progress goes.
    """

    def __init__(
        self,
        network: Network,
        splits: dict[str, SplitImages],
        order: EpochOrder,
        plan: ActivationPlan,
        cache: ActivationCache,
        plain: ImageInputs,
        reporter: Reporter,
    ) -> None:
        self._network = network
        self._splits = splits
        self._order = order
        self._plan = plan
        self._cache = cache
        self._plain = plain
        self._reporter = reporter
        self._tops: dict[int, keras.Model] = {}

    def fill(self, request: ActivationRequest) -> None:
        """Computes what is not kept yet of a request."""
        self._activations(request)

    def features(self, split: str) -> np.ndarray:
        """What the head reads of the plain images with the present weights, float32 [N, D]."""
        rows = self._activations(self._plan.for_features(split))[0]
        features = self._predict(self._to_features, rows, split)
        check_features(features, split, self._splits[split])
        return features

    @cached_property
    def _to_features(self) -> keras.Model:
        """Kept, because Keras compiles the forward pass of each new model anew."""
        return build_features(self._network)

    def mean_row(self, split: str) -> np.ndarray:
        """Mean of the activations of the plain images at boundary 0, float64 [D]."""
        rows = self._activations(self._plan.for_features(split))[0]
        total = np.zeros(rows.row_shape)
        for batch, _ in self._batches(rows, split):
            total += np.asarray(batch, np.float64).sum(axis=0)
        return total / len(rows)

    def training_data(self, position: int) -> TrainingData:
        """What the phase at this position of the plan learns from."""
        boundary = self._plan.boundaries[position]
        if boundary is None:
            return self._plain.training_data(position)
        for_training, for_validation = self._plan.for_phases(position)
        train_rows = self._activations(for_training)[boundary]
        val_rows = self._activations(for_validation)[boundary]
        train_labels = self._splits["train"].labels
        return TrainingData(
            batches_from=lambda first_epoch: cached_training_batches(
                train_rows, train_labels, self._order, first_epoch=first_epoch
            ),
            steps_per_epoch=self._order.steps_per_epoch,
            validation_batches=cached_evaluation_batches(
                val_rows, self._splits["val"].labels, batch_size=self._order.batch_size
            ),
            boundary=boundary,
        )

    def outputs(self, split: str, description: str | None = None) -> np.ndarray:
        """What the network says of the plain images now, float32 [N, K].

        Args:
            split: of the images.
            description: for the progress report; None for none.
        """
        boundary = self._plan.boundary_never_trained
        if boundary is None:
            return self._plain.outputs(split, description)
        rows = self._activations(self._plan.for_outputs(split, boundary))[boundary]
        return self._predict(self._top(boundary), rows, split, description)

    def _predict(
        self, model: keras.Model, rows: Activations, split: str, description: str | None = None
    ) -> np.ndarray:
        return predict(
            model,
            self._batches(rows, split),
            num_batches=steps_per_epoch(len(rows), self._order.batch_size),
            description=description or "",
            reporter=SILENT if description is None else self._reporter,
        )

    def _batches(self, rows: Activations, split: str) -> Iterable[Any]:
        labels = self._splits[split].labels
        return cached_evaluation_batches(rows, labels, batch_size=self._order.batch_size)

    def _top(self, boundary: int) -> keras.Model:
        if boundary not in self._tops:
            self._tops[boundary] = build_top(self._network, boundary)
        return self._tops[boundary]

    def _activations(self, request: ActivationRequest) -> dict[int, Activations]:
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


def open_inputs(
    config: TrainingExperiment,
    network: Network,
    splits: dict[str, SplitImages],
    order: EpochOrder,
    *,
    mode: CacheMode,
    reporter: Reporter,
) -> tuple[TrainingInputs, CacheDecision]:
    """Images, or kept activations where that is possible and cheaper; nothing is computed yet.

    Args:
        config: of the run.
        network: what is trained.
        splits: the images.
        order: of the training images.
        mode: of the trunk cache.
        reporter: where progress goes.

    Raises:
        CacheImpossibleError: if the mode insists on a cache that is not possible.
    """
    settings = config.training.trunk_cache
    plain = ImageInputs(config, network, splits, order, reporter)
    plan = ActivationPlan(config)
    cache = ActivationCache(
        trunk_cache_folder(config.outputs, settings.folder),
        network,
        preprocessing={"image_size_px": config.model.image_size_px, "aspect": config.data.aspect},
        size_limit_bytes=int(settings.size_limit_gb * 1e9),
        runtime=settings.runtime,
        compile_trunk=freeze,
        reporter=reporter,
    )
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
        return plain, decision
    return CachedInputs(network, splits, order, plan, cache, plain, reporter), decision
