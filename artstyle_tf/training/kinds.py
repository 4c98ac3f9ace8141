"""The kinds of training by the `kind` of their config, for folds and trials of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.direct import DirectTraining
from artstyle_tf.training.job import open_training
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.triplet import TripletTraining
from artstyle_tf.trunk_cache.settings import CacheMode

TRAININGS: dict[str, type[NetworkTraining[Any, Any]]] = {
    "direct": DirectTraining,
    "triplet": TripletTraining,
}


def check_network(config: TrainingExperiment, *, num_classes: int) -> None:
    """Builds the network of a training, and nothing else.

    Raises:
        ArtstyleError: if backbone, weights or phases cannot be.
    """
    TRAININGS[config.kind].build_network(config, num_classes=num_classes)


def build_and_open(
    config: TrainingExperiment,
    prepared: PreparedImages,
    class_names: Sequence[str],
    invocation: Invocation,
    *,
    with_test: bool,
    cache_mode: CacheMode | None = None,
) -> NetworkTraining[Any, Any]:
    """Builds the network, then does what `job.open_training` does; arguments as there."""
    kind = TRAININGS[config.kind]
    network = kind.build_network(config, num_classes=len(class_names))
    return open_training(
        kind,
        config,
        network,
        prepared,
        class_names,
        invocation,
        with_test=with_test,
        cache_mode=cache_mode,
    )
