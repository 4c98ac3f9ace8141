"""The objective of training an embedding in which images of a class lie together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.split_images import SplitImages, originals
from artstyle_tf.losses.triplet_losses import build_metric_loss
from artstyle_tf.models.network import EmbeddingModel
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.callbacks.collapse_guard import CollapseGuard
from artstyle_tf.training.callbacks.embedding_scores import (
    COLUMNS,
    EmbeddingScores,
    LabeledImages,
)
from artstyle_tf.training.embedding_evaluation import image_ids
from artstyle_tf.training.image_inputs import ImageInputs
from artstyle_tf.training.objective import Objective


class MetricLearning(Objective):
    """A loss for each phase, evaluated by nearest neighbors, monitored by a guard.

    Args:
        losses: of labels [B] and embeddings [B, K], one a phase: the mining schedule.
        cautious_loss: replaces all of them after an alarm.
        scores: evaluates each epoch.
        guard: detects a collapse; None for no guard.
    """

    history_columns = (*COLUMNS, "alarm")
    # Batches of validation images without a pair have no loss, which does not mean divergence.
    finite_logs = ("loss", "mean_distance", "val_macro_f1")

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        *,
        cautious_loss: keras.losses.Loss,
        scores: EmbeddingScores,
        guard: CollapseGuard | None = None,
    ) -> None:
        self._losses = losses
        self._cautious_loss = cautious_loss
        self._scores = scores
        self._guard = guard

    def loss(self, position: int) -> keras.losses.Loss:
        """Return the loss of the phase, or the cautious one once there was an alarm."""
        alarmed = self._guard is not None and self._guard.num_alarms > 0
        loss = self._cautious_loss if alarmed else self._losses[position]
        # Triplets have a margin, or None for the soft one; other losses have none.
        margin = getattr(loss, "margin", None)
        self._scores.loss, self._scores.margin = loss, margin or 0.0
        if self._guard is not None:
            self._guard.margin = margin
        return loss

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the scores, then the guard, which reads them."""
        return [self._scores] if self._guard is None else [self._scores, self._guard]

    @property
    def learning_rate_factor(self) -> float:
        """Factor of the learning rate, which decreases with each alarm of the collapse guard."""
        return 1.0 if self._guard is None else self._guard.learning_rate_factor

    @property
    def restarts_phase(self) -> bool:
        """Whether the guard has just undone an epoch."""
        return self._guard is not None and self._guard.requests_restart

    @property
    def undoes_epochs(self) -> bool:
        """Whether there is a guard that has not given up."""
        return self._guard is not None and self._guard.reason_to_stop is None

    @property
    def reason_to_stop(self) -> str | None:
        """Why the guard gave up."""
        return None if self._guard is None else self._guard.reason_to_stop

    def start(self) -> dict[str, float]:
        """Return the scores before the first epoch, which the guard will compare with."""
        scores = self._scores.measure()
        if self._guard is not None:
            self._guard.start_from(scores)
        return scores

    def state(self) -> dict[str, Any]:
        """Return the state of the guard."""
        return {} if self._guard is None else self._guard.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the guard; the network has its weights of that moment."""
        if self._guard is not None:
            self._guard.restore(state)


def balanced_order(
    config: TripletExperiment, images: SplitImages, *, num_views: int = 1
) -> BalancedOrder:
    """Return an order with P classes x K images in each batch."""
    batch = config.training.batch
    return BalancedOrder(
        images.labels,
        classes_per_batch=batch.classes,
        images_per_class=batch.images_per_class,
        seed=config.seed,
        num_views=num_views,
        parents=image_ids(images),
        separate_siblings=batch.separate_siblings,
    )


def build_objective(
    config: TripletExperiment,
    splits: dict[str, SplitImages],
    inputs: ImageInputs,
    network: EmbeddingModel,
    *,
    num_classes: int,
    reporter: Reporter,
) -> MetricLearning:
    """Build the mining schedule, the scores of an epoch, and the guard."""
    training = config.training
    train, val = splits["train"], splits["val"]
    numbers = np.flatnonzero(originals(train))

    def embed(split: str) -> np.ndarray:
        embeddings = inputs.outputs(split)
        return embeddings[numbers] if split == "train" else embeddings

    scores = EmbeddingScores(
        embed,
        train=LabeledImages(train.labels[numbers], image_ids(train)[numbers]),
        val=LabeledImages(val.labels, image_ids(val)),
        validation_batches=balanced_order(config, val).draw(0)[0],
        num_classes=num_classes,
        num_neighbors=training.num_neighbors,
        seed=config.seed,
    )
    guard = None
    if training.collapse_guard is not None:
        guard = CollapseGuard(
            network.model, training.collapse_guard, num_classes=num_classes, reporter=reporter
        )
    return MetricLearning(
        [build_metric_loss(phase.loss, training.loss) for phase in training.phases],
        cautious_loss=build_metric_loss("semi_hard", training.loss),
        scores=scores,
        guard=guard,
    )
