"""Train a network phase by phase: set trainable -> compile -> fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from artstyle_tf.models.network import Network
from artstyle_tf.runs.resume_point import ResumePoint, load_resume_point, save_resume_point
from artstyle_tf.system.interruption import safe_point
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.training.batch_memory import memory_errors_explained
from artstyle_tf.training.callbacks.best_model import BestModel, EarlyStopping
from artstyle_tf.training.callbacks.divergence_check import DivergenceCheck
from artstyle_tf.training.callbacks.epoch_logs import EpochReport, HistoryLog, TensorBoardLog
from artstyle_tf.training.callbacks.progressive_unfreezing import ProgressiveUnfreezing
from artstyle_tf.training.callbacks.resumable import ReseedRandomLayers
from artstyle_tf.training.objective import Objective
from artstyle_tf.training.optimizers import LayerwiseAdamW, WarmupCosine, depth_multipliers
from artstyle_tf.training.phases import apply_phase, build_phase_model, num_epochs
from artstyle_tf.training.settings import FineTuningConfig, PhaseConfig
from artstyle_tf.training.traced_phases import TracedPhases, describe_step


@dataclass(frozen=True)
class TrainingData:
    """Batches for training and validation.

    Attributes:
        batches_from: number of the first epoch -> endless (inputs, labels) batches.
        steps_per_epoch: batches per epoch.
        validation_batches: (inputs, labels), each image once; None if the objective needs none.
        boundary: where the inputs come from, as a number of blocks above it; None for images.
    """

    batches_from: Callable[[int], Iterable[Any]]
    steps_per_epoch: int
    validation_batches: Iterable[Any] | None
    boundary: int | None = None


class Trainer:
    """Trains all phases, with the best weights and a resume point saved on the way.

    Args:
        network: to train, in place.
        objective: losses, metrics and callbacks.
        training: phases, optimizer, early stopping.
        data: position of a phase -> its batches.
        seed: of dropout and stochastic depth.
        history_file: CSV to write, one row an epoch.
        resume_file: where to save the resume point; None for none.
        save_model: writes the network to disk, atomically; called for the best one. None to save no
            file.
        tensorboard_folder: for event files; None for none.
        further_callbacks: see the logs of an epoch after all others.
        traced: phases of earlier trainings of this network, and of later ones; None keeps none.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        training: FineTuningConfig,
        data: Callable[[int], TrainingData],
        *,
        seed: int = 42,
        history_file: Path,
        resume_file: Path | None,
        save_model: Callable[[keras.Model], None] | None,
        tensorboard_folder: Path | None = None,
        further_callbacks: Sequence[keras.callbacks.Callback] = (),
        traced: TracedPhases | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        self._network = network
        self._objective = objective
        self._training = training
        self._seed = seed
        self._data_of_phase = data
        self._resume_file = resume_file
        self._reporter = reporter
        self.unfreezing = ProgressiveUnfreezing(training.phases)
        self.early_stopping = EarlyStopping(training.early_stopping)
        self.best = BestModel(network.model, save_model)
        self.history = HistoryLog(history_file, objective.history_columns)
        self._tensorboard_folder = tensorboard_folder
        self._further_callbacks = further_callbacks
        self._traced = traced
        self._report = EpochReport(reporter, total_epochs=num_epochs(training.phases))
        self._divergence = DivergenceCheck(objective, self.best, num_epochs(training.phases))
        self._optimizer_to_restore: list[Any] = []
        self._planned_epochs_before_optimizer = 0
        self._stop_after: int | None = None

    def start_from(self, name: str, logs: dict[str, Any]) -> None:
        """Record the start as epoch 0: the score that training has to exceed.

        Args:
            name: of the start, for the history.
            logs: holds val_macro_f1.
        """
        self.history.phase_name = name
        self.history.add(0, logs)
        self.best.offer(0, logs["val_macro_f1"])
        self.early_stopping.start_from(logs["val_macro_f1"])
        self._save_resume_point(optimizer=None)

    def resume(self) -> bool:
        """Continue an interrupted run; return whether there was a resume point."""
        if self._resume_file is None or not self._resume_file.is_file():
            return False
        model = self._network.model
        shapes = [tuple(weight.shape) for weight in model.weights]
        point = load_resume_point(self._resume_file, shapes=shapes)
        model.set_weights(point.weights)
        self.unfreezing.restore(point.state["unfreezing"])
        self.early_stopping.restore(point.state["early_stopping"])
        self.history.restore(point.state["history"])
        self.best.restore(point.state["best"])
        self.best.weights = point.best_weights
        self._objective.restore(point.state["objective"])
        self._optimizer_to_restore = point.optimizer
        self._planned_epochs_before_optimizer = point.state["planned_epochs_before_optimizer"]
        return True

    def train(self, *, stop_after: int | None = None) -> None:
        """Train the rest of the plan and set the best weights in the network.

        Args:
            stop_after: number of epochs that was selected elsewhere; the network ends with the
                weights of this epoch, whatever its score, and 0 keeps the start. None for all
                epochs of the plan, or until early stopping.
        """
        self._stop_after = stop_after
        self.best.keeps_last = stop_after is not None
        try:
            while self.unfreezing.phase is not None and not self._is_over:
                self._train_phase(self.unfreezing.phase)
                if self.unfreezing.phase_is_over:
                    self.unfreezing.advance()
                self._save_resume_point(optimizer=None)
                self.best.write()
        finally:
            self._report.close()
            self.best.write()  # after Ctrl-C, too
        if self.reason_to_stop is not None:
            self._reporter.info(f"Stopped early: {self.reason_to_stop}.")
        self.best.restore_best()

    @property
    def reason_to_stop(self) -> str | None:
        """Why training ends before the plan does, for messages."""
        return self._objective.reason_to_stop or self.early_stopping.reason

    @property
    def _is_over(self) -> bool:
        if self._stop_after is not None and self.unfreezing.epoch >= self._stop_after:
            return True
        return self.reason_to_stop is not None

    def _train_phase(self, phase: PhaseConfig) -> None:
        for callback in (self.history, self._report, self._divergence):
            callback.phase_name = phase.name
        if self.unfreezing.phase_is_over:
            return  # resumed between the phase's last epoch and the next phase
        apply_phase(
            self._network,
            phase,
            train_batch_norm=self._training.batch_norm == "trained",
        )
        data = self._data_of_phase(self.unfreezing.position)
        model = self._compiled(phase, data)
        optimizer = model.optimizer
        for variable, value in zip(optimizer.variables, self._optimizer_to_restore, strict=False):
            variable.assign(value)
        self._optimizer_to_restore = []
        class_weight = self._objective.class_weight
        with memory_errors_explained(model, data.batches_from, phase.name):
            model.fit(
                data.batches_from(self.unfreezing.epoch),
                initial_epoch=self.unfreezing.epoch,
                epochs=self._last_epoch,
                steps_per_epoch=data.steps_per_epoch,
                validation_data=data.validation_batches,
                class_weight=dict(class_weight) if class_weight else None,
                callbacks=self._callbacks(optimizer),
                shuffle=False,  # the batches are shuffled already
                verbose=0,
            )

    @property
    def _last_epoch(self) -> int:
        planned = self.unfreezing.last_epoch
        return planned if self._stop_after is None else min(planned, self._stop_after)

    def _compiled(self, phase: PhaseConfig, data: TrainingData) -> keras.Model:
        settings = self._training.optimizer
        rate = self._learning_rate(phase, data.steps_per_epoch)
        loss = self._objective.loss(self.unfreezing.position)
        metrics = self._objective.metrics()
        step = describe_step(self._training, phase, data.boundary, loss, metrics)
        if self._traced is not None:
            known = self._traced.find(step, rate, settings.weight_decay)
            if known is not None:
                return known
        model = build_phase_model(self._network, phase, boundary=data.boundary)
        model.compile(
            optimizer=self._build_optimizer(rate),
            loss=loss,
            metrics=metrics,
            jit_compile=False,  # XLA on a CPU takes about 8 times as long
        )
        model.optimizer.build(model.trainable_variables)
        if self._traced is not None:
            self._traced.keep(step, model)
        return model

    def _learning_rate(self, phase: PhaseConfig, steps: int) -> WarmupCosine:
        settings = self._training.optimizer
        total_steps = num_epochs(self._training.phases) * steps
        if not self._optimizer_to_restore:
            # Its steps count from here, in the middle of a phase if that was restarted.
            self._planned_epochs_before_optimizer = self.unfreezing.planned_epochs_done
        return WarmupCosine(
            phase.learning_rate * self._objective.learning_rate_factor,
            total_steps=total_steps,
            warmup_steps=round(settings.warmup_fraction * total_steps),
            first_step=self._planned_epochs_before_optimizer * steps,
            final_fraction=settings.final_learning_rate_fraction,
        )

    def _build_optimizer(self, learning_rate: WarmupCosine) -> LayerwiseAdamW:
        settings = self._training.optimizer
        ema = {}
        if settings.ema_momentum is not None:
            ema = {"use_ema": True, "ema_momentum": settings.ema_momentum}
        return LayerwiseAdamW(
            learning_rate,
            multipliers=depth_multipliers(self._network, settings.layer_decay),
            weight_decay=settings.weight_decay,
            global_clipnorm=settings.clip_norm,
            **ema,
        )

    def _callbacks(self, optimizer: LayerwiseAdamW) -> list[keras.callbacks.Callback]:
        # The order matters: callbacks that undo an epoch or end training come before those that
        # save it, the moving average has to be in place before the best model is saved, and the
        # resume point comes last because it holds the state of the others.
        callbacks: list[keras.callbacks.Callback] = [
            keras.callbacks.LambdaCallback(  # between two batches Ctrl-C can take effect
                on_train_batch_end=lambda *_, **__: safe_point(),
                on_test_batch_end=lambda *_, **__: safe_point(),
            ),
            ReseedRandomLayers(self._network.model, self._seed),
            *self._objective.callbacks(),
            self._divergence,
            self.unfreezing,
            *([self.early_stopping] if self._stop_after is None else []),
            self.best,
            self.history,
            self._report,
        ]
        if self._tensorboard_folder is not None:
            callbacks.append(TensorBoardLog(self._tensorboard_folder))
        callbacks += self._further_callbacks
        if optimizer.use_ema:
            # While the average is swapped in, weights and optimizer do not belong together, so
            # such a run resumes at the start of a phase.
            return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), *callbacks]
        keep = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: self._save_resume_point(optimizer)
        )
        return [*callbacks, keep]

    def _save_resume_point(self, optimizer: LayerwiseAdamW | None) -> None:
        if self._resume_file is None:
            return
        if self._objective.restarts_phase:
            optimizer = None  # the next phase begins with a new one
        variables = [] if optimizer is None else optimizer.variables
        point = ResumePoint(
            weights=self._network.model.get_weights(),
            best_weights=self.best.weights,
            optimizer=[keras.ops.convert_to_numpy(variable) for variable in variables],
            state={
                "unfreezing": self.unfreezing.state(),
                "early_stopping": self.early_stopping.state(),
                "history": self.history.state(),
                "best": self.best.state(),
                "objective": self._objective.state(),
                "planned_epochs_before_optimizer": self._planned_epochs_before_optimizer,
            },
        )
        save_resume_point(self._resume_file, point)
