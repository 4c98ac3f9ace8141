"""What each kind of training does in its own way; `job.py` is what all have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.heads.baseline import Baseline, fit_baseline
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.metrics.calibration import Calibration, calibrate
from artstyle_tf.models.network import Network
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.training.image_inputs import TrainingInputs
from artstyle_tf.training.objective import Objective
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.trunk_cache.cache_decision import CacheDecision

ExperimentType = TypeVar("ExperimentType", bound=TrainingExperiment)
NetworkType = TypeVar("NetworkType", bound=Network)


class NetworkTraining(ABC, Generic[ExperimentType, NetworkType]):
    """Images in splits, and the network that learns from them.

    `job.open_training` makes one, `job.train_network` trains it.

    Args:
        config: of the experiment.
        network: what `build_network` returned; trained in place.
        splits: the images; "test" is only predicted.
        inputs: of these images.
        cache_decision: whether they come from the trunk cache, and why.
        class_names: C names.
        invocation: how the program was called.

    Attributes:
        first_features: float32 [N, D] of each split before training, if `refits`; else empty.
    """

    def __init__(
        self,
        config: ExperimentType,
        network: NetworkType,
        splits: dict[str, SplitImages],
        inputs: TrainingInputs,
        cache_decision: CacheDecision,
        class_names: Sequence[str],
        invocation: Invocation,
    ) -> None:
        self.config = config
        self.network = network
        self.splits = splits
        self.inputs = inputs
        self.cache_decision = cache_decision
        self.class_names = class_names
        self.invocation = invocation
        self.first_features: dict[str, np.ndarray] = {}
        self._baseline: Baseline | None = None

    @staticmethod
    @abstractmethod
    def build_network(config: ExperimentType, *, num_classes: int) -> NetworkType:
        """The network before training; its weights and phases have been checked."""

    @staticmethod
    @abstractmethod
    def order(config: ExperimentType, train: SplitImages) -> EpochOrder:
        """Which training images make a batch."""

    @property
    @abstractmethod
    def probe(self) -> LinearProbeConfig | None:
        """Settings of the start, and of the baseline; None for no start and the usual baseline."""

    @abstractmethod
    def objective(self) -> Objective:
        """What is learned."""

    @abstractmethod
    def start(
        self, objective: Objective, features: Mapping[str, np.ndarray]
    ) -> tuple[str, dict[str, float]] | None:
        """Gives the head its first weights.

        Args:
            objective: what is learned.
            features: float32 [N, D] of each split, before training; none are needed without probe.

        Returns:
            Name and validation scores of the start; None if nothing was done.
        """

    @abstractmethod
    def fit_temperature(self) -> float:
        """The temperature of the trained network, from the validation images."""

    @abstractmethod
    def probabilities(self, split: str, temperature: float) -> np.ndarray:
        """What the trained network says of the images of a split: float32 [N, C]."""

    @abstractmethod
    def evaluate(
        self, split: str, calibration: Calibration, *, folder: Path, figures: Path, title: str
    ) -> Evaluation:
        """Measures the trained network on a split; writes tables and figures."""

    @property
    def refits(self) -> bool:
        """Whether the head learns from the validation images once they have decided all."""
        return False

    def refit(self) -> None:
        """Where it `refits`, lets head and baseline learn from the validation images, too."""

    def finish(self, place: RunDirectory) -> None:
        """Writes what predictions need beside the network."""

    def further_results(self, trainer: Trainer, place: RunDirectory) -> dict[str, Any]:
        """What this kind of training adds to the results; may draw figures of the training."""
        del trainer, place
        return {}

    @property
    def baseline(self) -> Baseline:
        """What the features could do before anything was learned.

        Raises:
            RuntimeError: if it has not been fitted, as where nothing but the score counts.
        """
        if self._baseline is None:
            raise RuntimeError(
                "The baseline has not been fitted: call `fit_baseline` before training."
            )
        return self._baseline

    def fit_baseline(self, features: Mapping[str, np.ndarray]) -> None:
        """Fits the baseline; has to come before anything is learned.

        Args:
            features: float32 [N, D] of each split.
        """
        self._baseline = fit_baseline(
            self.probe,
            features["train"],
            self.splits["train"].labels,
            judged={split: features[split] for split in NAME_IN_RESULT if split in features},
            num_classes=len(self.class_names),
            num_pooled=self.network.features.groups[0].size,
        )

    def calibrate(self) -> Calibration:
        """Temperature and threshold from validation images."""
        temperature = self.fit_temperature()
        return calibrate(
            self.probabilities("val", temperature),
            self.splits["val"].labels,
            temperature=temperature,
            target_accuracy=self.config.evaluation.target_accuracy,
        )
