"""What a training would do, without doing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.prepare_data import count_splits, index_and_split
from artstyle_tf.images.splits.leak_check import check_leaks
from artstyle_tf.images.splits.leaks import count_leaks
from artstyle_tf.models.network import Network
from artstyle_tf.runs.run_planning import plan_run
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.plan import unpack_phases


def plan_training(
    build_network: Callable[..., Network], config: TrainingExperiment, invocation: Invocation
) -> dict[str, Any]:
    """Checks names, pictures and weights and says what `run_training` would do; writes nothing.

    Args:
        build_network: of the kind of training, see `NetworkTraining.build_network`.
        config: of the experiment.
        invocation: how the program was called.
    """
    place = plan_run(config, invocation)
    index, pictures = index_and_split(config.data, invocation.reporter)
    leaks = check_leaks(index, pictures, invocation.reporter)
    network = build_network(config, num_classes=len(index.class_names))
    phases = unpack_phases(config.training)
    return {
        "dry_run": True,
        "run": str(place.path),
        "classes": list(index.class_names),
        "num_pictures": count_splits(pictures),
        "leaks": count_leaks(leaks),
        "weights": config.model.weights,
        "parameters": network.model.count_params(),
        "phases": [f"{phase.name}, {phase.epochs} epochs" for phase in phases],
    }
