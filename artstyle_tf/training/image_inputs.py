"""Inputs of a training: images. `cached_inputs` has cached activations of the frozen blocks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.batches.augmentation import augment_image, seed_for
from artstyle_tf.images.batches.batches import (
    AugmentationFunction,
    evaluation_batches,
    steps_per_epoch,
    training_batches,
)
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.batches.views import NO_VIEWS, make_view
from artstyle_tf.images.settings import DataConfig, ViewsConfig
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_trunk
from artstyle_tf.system.finite_numbers import check_finite
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.training.trainer import TrainingData


class ImageInputs:
    """Inputs of start, phases and evaluation; every forward pass starts at the pixels."""

    def __init__(
        self,
        config: TrainingExperiment,
        network: Network,
        splits: dict[str, SplitImages],
        order: EpochOrder,
        reporter: Reporter,
    ) -> None:
        self._config = config
        self._network = network
        self._splits = splits
        self._order = order
        self._reporter = reporter

    def features(self, split: str) -> np.ndarray:
        """Compute the head's input for the plain images with the current weights: float32 [N, D].

        Raises:
            NotFiniteError: if one of them is not finite.
        """
        features = self._features(split)
        check_finite(
            features,
            f"the features of {split} images",
            names=self._splits[split].rows["source"].to_list(),
            fix="check model.weights, which may be damaged or made for another input",
        )
        return features

    def _features(self, split: str) -> np.ndarray:
        return self._predict_images(self._to_features, split, f"Features of {split} images")

    @cached_property
    def _to_features(self) -> keras.Model:
        """Cached, because Keras compiles the forward pass of each new model anew."""
        network = self._network
        return keras.Model(network.model.input, network.features.tensor, name="features")

    def mean_row(self, split: str) -> np.ndarray:
        """Compute the mean activations of the plain images at boundary 0: float64 [D]."""
        trunk = build_trunk(self._network, [0])
        rows = self._predict_images(trunk, split, f"Frozen blocks on {split} images")
        return rows.mean(axis=0, dtype=np.float64)

    def training_data(self, position: int) -> TrainingData:
        """Return the batches of the phase at this position of the plan."""
        del position  # images serve every phase
        train, val = self._in_memory("train"), self._in_memory("val")
        config = self._config
        return TrainingData(
            batches_from=lambda first_epoch: training_batches(
                train.store,
                train.labels,
                self._order,
                first_epoch=first_epoch,
                augment=_augmentation(config, train),
                augments_by_view=config.data.views is not None,
            ),
            steps_per_epoch=self._order.steps_per_epoch,
            validation_batches=evaluation_batches(
                val.store, val.labels, batch_size=self._order.batch_size
            ),
        )

    def outputs(self, split: str, description: str | None = None) -> np.ndarray:
        """Compute the network's outputs for the plain images now: float32 [N, K].

        Args:
            description: for the progress report; None for none.
        """
        return self._predict_images(self._network.model, split, description)

    def _predict_images(
        self, model: keras.Model, split: str, description: str | None
    ) -> np.ndarray:
        images = self._in_memory(split)
        batches = evaluation_batches(images.store, images.labels, batch_size=self._order.batch_size)
        return self._predict(model, batches, len(images), description)

    def _predict(
        self,
        model: keras.Model,
        batches: Iterable[tuple[Any, Any]],
        num_images: int,
        description: str | None = None,
    ) -> np.ndarray:
        return predict(
            model,
            batches,
            num_batches=steps_per_epoch(num_images, self._order.batch_size),
            description=description or "",
            reporter=SILENT if description is None else self._reporter,
        )

    def _in_memory(self, split: str) -> SplitImages:
        """Return the images, read into memory if they fit."""
        self._splits[split].store.keep_in_memory(
            budget_mb=self._config.data.memory_budget_mb,
            description=f"Reading {split} images",
            reporter=self._reporter,
        )
        return self._splits[split]


def predict(
    model: keras.Model,
    batches: Iterable[tuple[Any, Any]],
    *,
    num_batches: int,
    description: str = "Predicting",
    reporter: Reporter = SILENT,
) -> np.ndarray:
    """Compute the outputs of a model for all examples, in their order: float32 [N, D].

    Args:
        model: a model with one output of shape [B, D].
        batches: (examples, labels) batches, as from `evaluation_batches`.
    """
    tracked = reporter.track(batches, total=num_batches, description=description, unit="batches")
    outputs: list[np.ndarray] = []
    size = 0
    for examples, _ in tracked:
        count = len(examples)
        size = max(size, count)
        if count < size:
            # Filled up, because Keras traces the model again for a batch of another size.
            filler = keras.ops.zeros((size - count, *examples.shape[1:]), examples.dtype)
            examples = keras.ops.concatenate([examples, filler])
        outputs.append(model.predict_on_batch(examples)[:count])
    return np.concatenate(outputs).astype(np.float32)


def configured_views(data: DataConfig) -> ViewsConfig:
    """Return the augmented views of a training image."""
    return data.views or NO_VIEWS


def _augmentation(config: TrainingExperiment, train: SplitImages) -> AugmentationFunction | None:
    # The digest, not the position, so that adding an image leaves the others as they were.
    digests = train.rows["digest"].tolist()
    policy = config.data.online_augmentation
    if policy is not None:
        return lambda image, number, epoch: augment_image(
            image, policy=policy, seed=seed_for(config.seed, int(epoch), digests[number])
        )
    views = config.data.views
    if views is not None:
        return lambda image, number, view: make_view(views, image, digests[number], view)
    return None
