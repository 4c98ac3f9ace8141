"""Trainings without a run around them: those of folds and of trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.preparation.preparation import PreparedPictures
from artstyle_tf.images.split_images import SplitPictures, read_splits
from artstyle_tf.models.network import Network
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.direct import DirectTraining
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.training_run import choose_inputs
from artstyle_tf.training.triplet import TripletTraining

TRAININGS: dict[str, type[NetworkTraining[Any, Any]]] = {
    "direct": DirectTraining,
    "triplet": TripletTraining,
}
"""By the `kind` of their config."""


class Untrained(NamedTuple):
    """What a training begins with.

    Attributes:
        network: before anything is learnt.
        splits: the pictures by the name of their split.
        order: of the training pictures.
    """

    network: Network
    splits: dict[str, SplitPictures]
    order: EpochOrder


def open_untrained(
    config: TrainingExperiment,
    prepared: PreparedPictures,
    class_names: Sequence[str],
    *,
    with_test: bool,
) -> Untrained:
    """Builds the network and reads the splits.

    Args:
        config: of the training.
        prepared: the pictures, with their splits.
        class_names: in the order of the class ids.
        with_test: whether the test split will be predicted; if not, nobody looks at it.
    """
    kind = TRAININGS[config.kind]
    splits = read_splits(
        prepared, class_names, config.data, image_size_px=config.model.image_size_px
    )
    if not with_test:
        splits.pop("test", None)
    network = kind.build_network(config, num_classes=len(class_names))
    return Untrained(network, splits, kind.order(config, splits["train"]))


def open_training(
    config: TrainingExperiment,
    prepared: PreparedPictures,
    class_names: Sequence[str],
    place: RunDirectory,
    invocation: Invocation,
    *,
    with_test: bool,
) -> NetworkTraining[Any, Any]:
    """Builds the network and finds out what it learns from; nothing is learnt yet.

    Args:
        config: of the training.
        prepared: the pictures, with their splits.
        class_names: in the order of the class ids.
        place: for history and resume point.
        invocation: how the program was called.
        with_test: whether the test split will be predicted; if not, nobody looks at it.
    """
    network, splits, order = open_untrained(config, prepared, class_names, with_test=with_test)
    inputs, _ = choose_inputs(config, network, splits, order, place, invocation)
    kind = TRAININGS[config.kind]
    return kind(config, network, splits, inputs, class_names, place, invocation)
