"""The metric-learning section of a config, unpacked: batches, losses, judge and guard."""

from __future__ import annotations

import keras
import numpy as np

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.split_images import SplitPictures, originals
from artstyle_tf.losses.registry import build_metric_loss
from artstyle_tf.models.embedding_model import EmbeddingModel
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.callbacks.collapse_guard import CollapseGuard, CollapseLimits
from artstyle_tf.training.callbacks.embedding_scores import EmbeddingScores, LabelledPictures
from artstyle_tf.training.embedding_evaluation import picture_ids
from artstyle_tf.training.image_inputs import TrainingInputs
from artstyle_tf.training.metric_learning import MetricLearning
from artstyle_tf.training.settings import MetricLearningConfig


def balanced_order(
    config: TripletExperiment, pictures: SplitPictures, *, num_views: int = 1
) -> BalancedOrder:
    """P classes x K pictures in each batch."""
    batch = config.training.batch
    return BalancedOrder(
        pictures.labels,
        classes_per_batch=batch.classes,
        pictures_per_class=batch.pictures_per_class,
        seed=config.seed,
        num_views=num_views,
        parents=picture_ids(pictures),
        separate_siblings=batch.separate_siblings,
    )


def build_objective(
    config: TripletExperiment,
    splits: dict[str, SplitPictures],
    inputs: TrainingInputs,
    network: EmbeddingModel,
    *,
    num_classes: int,
    reporter: Reporter,
) -> MetricLearning:
    """The mining schedule, how an epoch is judged, and the guard."""
    training = config.training
    train, val = splits["train"], splits["val"]
    kept = np.flatnonzero(originals(train))
    scores = EmbeddingScores(
        lambda split: inputs.outputs(split)[kept] if split == "train" else inputs.outputs(split),
        train=LabelledPictures(train.labels[kept], picture_ids(train)[kept]),
        val=LabelledPictures(val.labels, picture_ids(val)),
        validation_batches=balanced_order(config, val).draw(0)[0],
        num_classes=num_classes,
        num_neighbours=training.num_neighbours,
        seed=config.seed,
    )
    return MetricLearning(
        [_loss(training, phase.loss) for phase in training.phases],
        cautious_loss=_loss(training, "semi_hard"),
        scores=scores,
        guard=_guard(training, network, num_classes=num_classes, reporter=reporter),
    )


def _loss(training: MetricLearningConfig, name: str) -> keras.losses.Loss:
    return build_metric_loss(name, training.loss)


def _guard(
    training: MetricLearningConfig,
    network: EmbeddingModel,
    *,
    num_classes: int,
    reporter: Reporter,
) -> CollapseGuard | None:
    if training.collapse_guard is None:
        return None
    settings = training.collapse_guard.model_dump()
    return CollapseGuard(
        network.model,
        num_classes=num_classes,
        learning_rate_factor=settings.pop("learning_rate_factor"),
        most_alarms=settings.pop("most_alarms"),
        limits=CollapseLimits(**settings),
        reporter=reporter,
    )
