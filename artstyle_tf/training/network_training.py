"""What trainings of all kinds have in common: start, phases, calibration, evaluation, results."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.heads.baseline import Floor, fit_floor
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.epoch_order import EpochOrder
from artstyle_tf.images.batches.image_store import errors_of_reading
from artstyle_tf.images.prepare_data import count_splits, index_and_split, prepare
from artstyle_tf.images.split_images import SplitPictures, read_splits
from artstyle_tf.images.splits.leak_check import check_leaks
from artstyle_tf.images.splits.leaks import count_leaks
from artstyle_tf.metrics.calibration import Calibration, calibrate
from artstyle_tf.models.network import Network
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
from artstyle_tf.runs.model_files import save_head
from artstyle_tf.runs.run_creation import create_run_directory
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.runs.run_planning import plan_run
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.baseline_comparison import compare_with_floor, write_floor_predictions
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.training.image_inputs import TrainingInputs
from artstyle_tf.training.objective import Objective
from artstyle_tf.training.plan import unpack_training_plan
from artstyle_tf.training.style_start import start_style
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.training.training_run import (
    choose_inputs,
    describe_run,
    save_and_note_the_first,
    tensorboard_folder,
)

ExperimentType = TypeVar("ExperimentType", bound=TrainingExperiment)
NetworkType = TypeVar("NetworkType", bound=Network)


class NetworkTraining(ABC, Generic[ExperimentType, NetworkType]):
    """Pictures in splits -> a trained and calibrated network.

    The abstract methods are what each kind of training does in its own way.

    Args:
        config: of the experiment.
        network: what `build_network` returned; trained in place.
        splits: the pictures; "test" is only predicted.
        inputs: of these pictures.
        class_names: C names.
        place: where history, resume point and whatever belongs to the network go.
        invocation: how the program was called.
    """

    def __init__(
        self,
        config: ExperimentType,
        network: NetworkType,
        splits: dict[str, SplitPictures],
        inputs: TrainingInputs,
        class_names: Sequence[str],
        place: RunDirectory,
        invocation: Invocation,
    ) -> None:
        self.config = config
        self.network = network
        self.splits = splits
        self.inputs = inputs
        self.class_names = class_names
        self.place = place
        self.invocation = invocation
        self.first_features: dict[str, np.ndarray] = {}

    @staticmethod
    @abstractmethod
    def build_network(config: ExperimentType, *, num_classes: int) -> NetworkType:
        """The network before training; its weights and phases have been checked."""

    @staticmethod
    @abstractmethod
    def order(config: ExperimentType, train: SplitPictures) -> EpochOrder:
        """Which training pictures make a batch."""

    @property
    @abstractmethod
    def probe(self) -> LinearProbeConfig | None:
        """Settings of the floor; None for the usual ones."""

    @abstractmethod
    def objective(self) -> Objective:
        """What is learnt."""

    @abstractmethod
    def start(
        self, floor: Floor | None, objective: Objective, features: Mapping[str, np.ndarray]
    ) -> tuple[str, dict[str, float]] | None:
        """Gives the head its first weights.

        Args:
            floor: of the run, if it is known.
            objective: what is learnt.
            features: float32 [N, D] of each split, before training; none are needed without probe.

        Returns:
            Name and validation scores of the start; None if nothing was done.
        """

    @abstractmethod
    def fit_temperature(self) -> float:
        """The temperature of the trained network, from the validation pictures."""

    @abstractmethod
    def probabilities(self, split: str, temperature: float) -> np.ndarray:
        """What the trained network says of the pictures of a split: float32 [N, C]."""

    @abstractmethod
    def evaluate(
        self, split: str, calibration: Calibration, *, folder: Path, figures: Path, title: str
    ) -> Evaluation:
        """Measures the trained network on a split; writes tables and figures."""

    @property
    def refits(self) -> bool:
        """Whether the head learns from the validation pictures once they have decided all."""
        return False

    def refit(self, floor: Floor) -> Floor:
        """Where it `refits`, lets head and floor learn from the validation pictures, too."""
        return floor

    def finish(self) -> None:
        """Writes what predictions need beside the network."""

    def further_results(self, trainer: Trainer) -> dict[str, Any]:
        """What this kind of training adds to the results; may draw figures of the training."""
        del trainer
        return {}

    def train(
        self, *, resume: bool, save_model: Callable[[keras.Model], None] | None
    ) -> tuple[Trainer, Floor]:
        """Start, then the phases; the best weights are in the network afterwards.

        Args:
            resume: continue where an interrupted training stopped, if there is such a point.
            save_model: called with the network whenever it got better; None to keep no file.
        """
        start_style(self.network, self.inputs)
        # Before anything is learnt: the floor is what the features could do already.
        with self.invocation.stopwatch.stage("floor"):
            features = {split: self.inputs.features(split) for split in self.splits}
            floor = fit_floor(
                self.probe,
                features["train"],
                self.splits["train"].labels,
                judged={split: features[split] for split in NAME_IN_RESULT if split in features},
                num_classes=len(self.class_names),
                num_pooled=self.network.features.groups[0].size,
            )
        objective = self.objective()
        trainer = Trainer(
            self.network,
            objective,
            unpack_training_plan(self.config.training, seed=self.config.seed),
            self.inputs.training_data,
            history_file=self.place.history_file,
            resume_file=self.place.resume_file,
            save_model=save_model,
            tensorboard_folder=tensorboard_folder(self.config, self.place),
            reporter=self.invocation.reporter,
        )
        if not (resume and trainer.resume()):
            self._tell_start(trainer, self.start(floor, objective, features))
        # As large as the pictures are many, so they are only kept where somebody needs them.
        self.first_features = features if self.refits else {}
        del features
        trainer.train()
        return trainer, floor

    def _tell_start(self, trainer: Trainer, started: tuple[str, dict[str, float]] | None) -> None:
        if started is None:
            return
        name, scores = started
        trainer.start_from(name, scores)
        self.invocation.reporter.info(
            f"Start ({name}): validation macro-F1 {scores['val_macro_f1']:.3f} "
            f"({self.invocation.stopwatch.elapsed:.0f} s after the start)"
        )

    def calibrate(self) -> Calibration:
        """Temperature and threshold from validation pictures."""
        temperature = self.fit_temperature()
        return calibrate(
            self.probabilities("val", temperature),
            self.splits["val"].labels,
            temperature=temperature,
            wanted_accuracy=self.config.evaluation.wanted_accuracy,
        )


def run_training(
    kind: type[NetworkTraining[ExperimentType, NetworkType]],
    config: ExperimentType,
    invocation: Invocation,
) -> dict[str, Any]:
    """Prepares, trains, evaluates; returns the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    # What can be wrong is asked for before anything is written, the cheap things first.
    place = plan_run(config, invocation)
    index, pictures = index_and_split(config.data, reporter, hashed=True)
    leaks = check_leaks(index, pictures, reporter)
    class_names = index.class_names
    network = kind.build_network(config, num_classes=len(class_names))
    with stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, pictures, reporter)
        splits = read_splits(
            prepared, class_names, config.data, image_size_px=config.model.image_size_px
        )
    order = kind.order(config, splits["train"])
    inputs, decision = choose_inputs(config, network, splits, order, place, invocation)
    if not invocation.resume:
        place = create_run_directory(place, overwrite=invocation.overwrite)
    training = kind(config, network, splits, inputs, class_names, place, invocation)
    with place.running():
        describe_run(place, config, class_names, pictures, prepared, network, decision)
        place.write_table(place.path / "leaks.csv", leaks)
        with stopwatch.stage("training"), errors_of_reading():
            trainer, floor = training.train(
                resume=invocation.resume, save_model=save_and_note_the_first(place, invocation)
            )
        with stopwatch.stage("evaluation"), errors_of_reading():
            training.finish()
            calibration = training.calibrate()
            place.write_calibration(calibration)
            evaluations, floor = _evaluate(training, calibration, floor)
            write_floor_predictions(floor, splits, class_names, place)
            curves = plot_training_curves(trainer.history.table())
            save_figure(curves, place.figures / "training_curves.png")
            further = training.further_results(trainer)
        result = {
            "run": str(place.path),
            **{name: evaluation.metrics for name, evaluation in evaluations.items()},
            "intervals": {name: evaluation.intervals for name, evaluation in evaluations.items()},
            "floor": compare_with_floor(floor, splits, evaluations, class_names),
            "calibration": dataclasses.asdict(calibration),
            "refitted": training.refits,
            "best_epoch": trainer.best.epoch,
            "stopped_early": trainer.reason_to_stop,
            **further,
            "trunk_cache": dataclasses.asdict(decision),
            "num_pictures": count_splits(prepared.manifest),
            "leaks": count_leaks(leaks),
            "unreadable": prepared.rejected.to_dict(orient="records"),
            "model": str(place.model_file),
            "figures": str(place.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(place.metrics_file, result)
    return {**result, "report": invocation.publish(place, config, reporter)}


def _evaluate(
    training: NetworkTraining[Any, Any], calibration: Calibration, floor: Floor
) -> tuple[dict[str, Evaluation], Floor]:
    """Measures validation, learns from it where that is wanted, then the test split this once."""
    place, evaluations = training.place, {}
    for split, name in NAME_IN_RESULT.items():
        if split in training.splits:
            evaluations[name] = training.evaluate(
                split,
                calibration,
                folder=place.path / name,
                figures=place.figures / name,
                title=f"{place.path.name}: {name}",
            )
        if split == "val" and training.refits:
            save_head(training.network.head, place.first_head_file)
            floor = training.refit(floor)
            place.save_model(training.network.model)
    return evaluations, floor
