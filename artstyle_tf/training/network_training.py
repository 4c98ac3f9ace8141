"""Base class of the kinds of training: what each does in its own way, and how all are trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.heads.head_start import Baseline, choose_probe, fit_baseline, fit_head_start
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.metrics.calibration import Calibration, calibrate
from artstyle_tf.models.network import Network
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.epoch_selection import EpochSelection
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.training.image_inputs import ImageInputs
from artstyle_tf.training.objective import Objective
from artstyle_tf.training.run_record import tensorboard_folder
from artstyle_tf.training.style_start import start_style
from artstyle_tf.training.traced_phases import TracedPhases
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.trunk_cache.cache_decision import CacheDecision

ExperimentType = TypeVar("ExperimentType", bound=TrainingExperiment)
NetworkType = TypeVar("NetworkType", bound=Network)


class NetworkTraining(ABC, Generic[ExperimentType, NetworkType]):
    """Images in splits, and the network that is trained on them; see `job.open_training`.

    Args:
        network: what `build_network` returned; trained in place.
        splits: the images; "test" is only predicted.
        cache_decision: whether they come from the trunk cache, and why.

    Attributes:
        epoch_selection: how many epochs were trained, and why; None if there are no phases, or
            validation images selected the epoch.
        first_features: float32 [N, D] of each split before training, if `refits`; else empty.
    """

    def __init__(
        self,
        config: ExperimentType,
        network: NetworkType,
        splits: dict[str, SplitImages],
        inputs: ImageInputs,
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
        self.epoch_selection: EpochSelection | None = None
        self.first_features: dict[str, np.ndarray] = {}
        self._baseline: Baseline | None = None
        self._chosen_probe: LinearProbeConfig | None = None
        self._outputs: dict[str, np.ndarray] = {}

    @staticmethod
    @abstractmethod
    def build_network(config: ExperimentType, *, num_classes: int) -> NetworkType:
        """Build the network and check its weights and phases."""

    @staticmethod
    @abstractmethod
    def order(config: ExperimentType, train: SplitImages) -> EpochOrder:
        """Return the order in which batches draw the training images."""

    @property
    @abstractmethod
    def probe(self) -> LinearProbeConfig | None:
        """Settings of the start and of the baseline; None for no start and a default baseline."""

    @abstractmethod
    def objective(self) -> Objective:
        """Return losses, metrics and callbacks."""

    @abstractmethod
    def start(
        self, objective: Objective, features: Mapping[str, np.ndarray]
    ) -> tuple[str, dict[str, float]] | None:
        """Initialize the head.

        Args:
            features: float32 [N, D] of each split, before training; empty without a probe.

        Returns:
            Name and validation scores of the start; None if nothing was done.
        """

    @abstractmethod
    def fit_temperature(self) -> float:
        """Fit the temperature of the trained network to the validation images."""

    @abstractmethod
    def probabilities(self, split: str, temperature: float) -> np.ndarray:
        """Predict the images of a split with the trained network: float32 [N, C]."""

    @abstractmethod
    def evaluate(
        self, split: str, calibration: Calibration, *, folder: Path, figures: Path, title: str
    ) -> Evaluation:
        """Evaluate the trained network on a split; write tables and figures."""

    def select_epoch(self, place: RunDirectory, *, resume: bool) -> EpochSelection | None:
        """Select the number of epochs on other images than the validation images, if configured.

        Args:
            place: where finished parts go.
            resume: use those of an interrupted selection.
        """
        del place, resume
        return None

    @property
    def refits(self) -> bool:
        """Whether the network learns from the validation images, too, after calibration."""
        return False

    def start_refit(self) -> None:
        """Start those parts of `refit` that can be computed beside something else."""

    def refit(self, place: RunDirectory) -> None:
        """Train on training and validation images, if configured (`refits`); the baseline, too.

        Args:
            place: where a history goes, if epochs are trained.
        """
        del place

    def outputs(self, split: str, description: str | None = None) -> np.ndarray:
        """Return the trained network's outputs for the plain images of a split: float32 [N, K].

        Calibration and evaluation share them. `description` is for the progress report.
        """
        if split not in self._outputs:
            self._outputs[split] = self.inputs.outputs(split, description)
        return self._outputs[split]

    def forget_outputs(self) -> None:
        """Discard `outputs`, because the network has changed."""
        self._outputs.clear()

    def finish(self, place: RunDirectory) -> None:
        """Write the files that predictions need in addition to the network."""

    def further_results(self, trainer: Trainer, place: RunDirectory) -> dict[str, Any]:
        """Return results of this kind of training only; may draw figures of the training."""
        del trainer, place
        return {}

    @property
    def baseline(self) -> Baseline:
        """Predictions from the features as they were before training.

        Raises:
            RuntimeError: if it has not been fitted, as with `score_only`.
        """
        if self._baseline is None:
            raise RuntimeError("The baseline is fitted by `train` without `score_only`.")
        return self._baseline

    def calibrate(self) -> Calibration:
        """Fit temperature and threshold to the validation images."""
        temperature = self.fit_temperature()
        return calibrate(
            self.probabilities("val", temperature),
            self.splits["val"].labels,
            temperature=temperature,
            target_accuracy=self.config.evaluation.target_accuracy,
        )

    def choose_probe(self, features: np.ndarray) -> LinearProbeConfig:
        """Return the settings of the start for features of the training images, chosen once."""
        if self._chosen_probe is None:
            assert self.probe is not None
            self._chosen_probe = choose_probe(
                self.probe,
                features,
                self.splits["train"],
                self.network.features.groups,
                num_classes=len(self.class_names),
                seed=self.config.seed,
                reporter=self.invocation.reporter,
            )
        return self._chosen_probe

    def fit_probe(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fit the linear probe to features of the training images; see `fit_head_start`."""
        return fit_head_start(
            self.choose_probe(features),
            self._baseline,
            features,
            self.splits["train"].labels,
            self.network.features.groups,
            num_classes=len(self.class_names),
        )

    def train(
        self,
        place: RunDirectory,
        *,
        resume: bool = False,
        save_model: Callable[[keras.Model], None] | None = None,
        score_only: bool = False,
        stop_after: int | None = None,
        further_callbacks: Sequence[keras.callbacks.Callback] = (),
        traced: TracedPhases | None = None,
    ) -> Trainer:
        """Initialize the head and train all phases; the network ends with the best weights.

        Args:
            place: where history and resume point go.
            resume: continue an interrupted training, if there is a resume point.
            save_model: called with the network whenever it improves; None to save no file.
            score_only: compute nothing but the score: no baseline unless the start consists of
                it, no resume point, no TensorBoard.
            stop_after: number of epochs to train; None to select it.
            further_callbacks, traced: see `Trainer`.
        """
        inputs, decision, reporter = self.inputs, self.cache_decision, self.invocation.reporter
        used = "Using" if decision.use else "Not using"
        reporter.info(f"{used} the trunk cache: {decision.reason}.")
        start_style(self.network, inputs)
        features = {}
        # Before any training: the baseline scores the features as they are.
        with self.invocation.stopwatch.stage("baseline"):
            if self.probe is not None or not score_only:
                features = {split: inputs.features(split) for split in self.splits}
            if not score_only:
                self._baseline = fit_baseline(
                    self.probe,
                    features["train"],
                    self.splits["train"].labels,
                    evaluated={key: features[key] for key in NAME_IN_RESULT if key in features},
                    num_classes=len(self.class_names),
                    num_pooled=self.network.features.groups[0].size,
                )
        objective = self.objective()
        trainer = Trainer(
            self.network,
            objective,
            self.config.training,
            inputs.training_data,
            seed=self.config.seed,
            history_file=place.history_file,
            resume_file=None if score_only else place.resume_file,
            save_model=save_model,
            tensorboard_folder=None if score_only else tensorboard_folder(self.config, place),
            further_callbacks=further_callbacks,
            traced=traced,
            reporter=reporter,
        )
        if not (resume and trainer.resume()):
            start = self.start(objective, features)
            if start is not None:
                name, scores = start
                trainer.start_from(name, scores)
                reporter.info(
                    f"Start ({name}): validation macro-F1 {scores['val_macro_f1']:.3f} "
                    f"({self.invocation.stopwatch.elapsed:.0f} s after the start)"
                )
        if stop_after is None and not score_only:
            # After the start, which is a network to use while this takes its time.
            self.epoch_selection = self.select_epoch(place, resume=resume)
            if self.epoch_selection is not None:
                stop_after = self.epoch_selection.epoch
        # They grow with the number of images, so they are stored only where the refit needs them.
        self.first_features = features if self.refits else {}
        del features
        trainer.train(stop_after=stop_after)
        self.forget_outputs()
        return trainer
