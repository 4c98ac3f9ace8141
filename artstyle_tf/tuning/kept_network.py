"""The network of a process's last trial, for the next one that would build the same."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.models.network import Network
from artstyle_tf.system.progress import SILENT
from artstyle_tf.training.cached_inputs import open_cache
from artstyle_tf.training.job import build_network
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.traced_phases import TracedPhases

_NAME = "network"


class KeptNetwork:
    """A network that begins each training as if it had just been built.

    Building one, verifying what the trunk cache has for it and tracing its training steps take
    half of a short trial.

    Args:
        config: of the trial that builds it.
        num_classes: of its head.

    Attributes:
        network: to train.
        cache: its activations in the trunk cache, whose files are verified when they are opened.
        traced: its phases of earlier trials.
    """

    def __init__(self, config: TrainingExperiment, *, num_classes: int) -> None:
        self.network: Network = build_network(config, num_classes=num_classes)
        self.cache = open_cache(config, self.network, SILENT)
        self.traced = TracedPhases()
        # Weights, statistics, and the states of random layers.
        self._variables = self.network.model.variables
        self._values = [np.array(variable) for variable in self._variables]
        self._random_states = random.getstate(), np.random.get_state()  # noqa: NPY002 (Keras seeds them)

    def begin_again(self) -> None:
        """Restore everything that building the network leaves behind."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
        of_python, of_numpy = self._random_states
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002 (as above)


def network_for(
    config: TrainingExperiment, kept: dict[str, Any], *, num_classes: int
) -> KeptNetwork:
    """Return the network of a trial: that of the last one if it would be the same, or a new one.

    Args:
        config: of the trial.
        kept: by this process; see `TrialLink`.
        num_classes: of the head.

    Raises:
        ArtstyleError: if backbone, weights or phases cannot be used.
    """
    key = _describe(config, num_classes)
    known = kept.get(_NAME)
    if known is not None and known[0] == key:
        check_phases(config.training.phases, known[1].network.backbone)
        known[1].begin_again()
        return known[1]
    kept.pop(_NAME, None)
    del known  # its memory is for the new one
    network = KeptNetwork(config, num_classes=num_classes)
    kept[_NAME] = key, network
    return network


def _describe(config: TrainingExperiment, num_classes: int) -> str:
    """Describe everything that a network and its place in the trunk cache depend on."""
    parts = [
        config.kind,
        config.seed,
        num_classes,
        config.model.model_dump(mode="json"),
        config.data.aspect,
        config.outputs,
        config.training.trunk_cache.model_dump(mode="json"),
    ]
    return json.dumps(parts, sort_keys=True, default=str)
