"""Trains a classifier phase by phase: set trainable -> compile -> fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from artstyle_tf.metrics.macro_f1 import MacroF1
from artstyle_tf.models.classifier import Classifier
from artstyle_tf.reporting import SILENT, Reporter
from artstyle_tf.training.callbacks.after_each_epoch import AfterEachEpoch
from artstyle_tf.training.callbacks.best_model import BestModel
from artstyle_tf.training.callbacks.early_stopping import EarlyStopping
from artstyle_tf.training.callbacks.epoch_report import EpochReport
from artstyle_tf.training.callbacks.history_log import HistoryLog
from artstyle_tf.training.callbacks.progressive_unfreezing import ProgressiveUnfreezing
from artstyle_tf.training.callbacks.reseed_random_layers import ReseedRandomLayers
from artstyle_tf.training.callbacks.safe_point_after_each_batch import SafePointAfterEachBatch
from artstyle_tf.training.optimizers import LayerwiseAdamW, depth_multipliers
from artstyle_tf.training.phases import Phase, apply_phase, build_phase_model, num_epochs
from artstyle_tf.training.resume_point import ResumePoint, load_resume_point, save_resume_point
from artstyle_tf.training.schedules import WarmupCosine


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW and its learning rate.

    Attributes:
        weight_decay: decoupled decay of kernels.
        clip_norm: largest global norm of a gradient; None for no limit.
        warmup_fraction: share of all steps until the peak learning rate.
        final_learning_rate_fraction: learning rate of the last step, as a share of the peak.
        layer_decay: factor on the learning rate for each block further down, in (0, 1].
        ema_momentum: of the moving average of the weights; None to use the weights themselves.
    """

    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    warmup_fraction: float = 0.1
    final_learning_rate_fraction: float = 0.0
    layer_decay: float = 1.0
    ema_momentum: float | None = None


@dataclass(frozen=True)
class TrainingPlan:
    """What training does, apart from the pictures.

    Attributes:
        phases: of progressive unfreezing, in order.
        loss: of integer labels [B] and logits [B, C].
        class_weight: class id -> weight of its pictures; None for equal weights.
        optimizer: settings of the optimiser.
        train_batch_normalisation: let BatchNormalization learn in unfrozen blocks.
        patience_epochs: see `EarlyStopping`.
        max_overfitting_gap: see `EarlyStopping`.
        seed: of dropout and stochastic depth.
    """

    phases: Sequence[Phase]
    loss: keras.losses.Loss
    class_weight: Mapping[int, float] | None = None
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    train_batch_normalisation: bool = False
    patience_epochs: int | None = None
    max_overfitting_gap: float | None = None
    seed: int = 42


@dataclass(frozen=True)
class TrainingData:
    """Batches for training and validation.

    Attributes:
        batches_from: number of the first epoch -> endless (inputs, labels) batches.
        steps_per_epoch: batches that make an epoch.
        validation_batches: (inputs, labels), each picture once.
        boundary: where the inputs come from, as a number of blocks above it; None for pictures.
    """

    batches_from: Callable[[int], Iterable[Any]]
    steps_per_epoch: int
    validation_batches: Iterable[Any]
    boundary: int | None = None


class Trainer:
    """Walks through the phases of a plan, keeping the best weights and a point to resume from.

    Args:
        classifier: what to train, in place.
        plan: what to do.
        data: position of a phase -> what to learn from in it.
        history_file: CSV to write, one row an epoch.
        resume_file: where to keep the point to resume from.
        save_model: writes the classifier to disk, atomically; called whenever it got better.
        reporter: where progress goes.
    """

    def __init__(
        self,
        classifier: Classifier,
        plan: TrainingPlan,
        data: Callable[[int], TrainingData],
        *,
        history_file: Path,
        resume_file: Path,
        save_model: Callable[[keras.Model], None],
        reporter: Reporter = SILENT,
    ) -> None:
        self._classifier = classifier
        self._plan = plan
        self._data_of_phase = data
        self._resume_file = resume_file
        self._reporter = reporter
        self.unfreezing = ProgressiveUnfreezing(plan.phases)
        self.early_stopping = EarlyStopping(
            patience_epochs=plan.patience_epochs, max_overfitting_gap=plan.max_overfitting_gap
        )
        self.best = BestModel(classifier.model, save_model)
        self.history = HistoryLog(history_file)
        self._report = EpochReport(reporter, total_epochs=num_epochs(plan.phases))
        self._optimizer_to_restore: list[Any] = []

    def start_from(self, val_macro_f1: float, logs: dict[str, Any]) -> None:
        """Enters the linear probe as epoch 0: the score that training has to beat."""
        self.history.phase_name = "linear probe"
        self.history.add(0, logs)
        self.best.offer(0, val_macro_f1)
        self.early_stopping.start_from(val_macro_f1)
        self._save_resume_point(optimizer=None)

    def resume(self) -> bool:
        """Continues where an interrupted run stopped.

        Returns:
            Whether there was something to continue.
        """
        if not self._resume_file.is_file():
            return False
        point = load_resume_point(self._resume_file)
        self._classifier.model.set_weights(point.weights)
        self.unfreezing.restore(point.state["unfreezing"])
        self.early_stopping.restore(point.state["early_stopping"])
        self.history.restore(point.state["history"])
        self.best.restore(point.state["best"], point.best_weights)
        self._optimizer_to_restore = point.optimizer
        return True

    def train(self) -> None:
        """Trains what is left of the plan and leaves the best weights in the classifier."""
        try:
            while self.unfreezing.phase is not None and self.early_stopping.reason is None:
                self._train_phase(self.unfreezing.phase)
                self.unfreezing.advance()
                self._save_resume_point(optimizer=None)
        finally:
            self._report.close()
        if self.early_stopping.reason is not None:
            self._reporter.info(f"Stopped early: {self.early_stopping.reason}.")
        self.best.bring_back()

    def _train_phase(self, phase: Phase) -> None:
        self.history.phase_name = self._report.phase_name = phase.name
        if self.unfreezing.phase_is_over:
            return  # resumed between the phase's last epoch and the next phase
        apply_phase(
            self._classifier,
            phase,
            train_batch_normalisation=self._plan.train_batch_normalisation,
        )
        data = self._data_of_phase(self.unfreezing.position)
        model = build_phase_model(self._classifier, phase, boundary=data.boundary)
        optimizer = self._build_optimizer(phase, data.steps_per_epoch)
        model.compile(
            optimizer=optimizer,
            loss=self._plan.loss,
            metrics=[
                MacroF1(self._classifier.head.units),
                keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            ],
            jit_compile=False,  # XLA on a CPU takes about 8 times as long
        )
        optimizer.build(model.trainable_variables)
        for variable, value in zip(optimizer.variables, self._optimizer_to_restore, strict=False):
            variable.assign(value)
        self._optimizer_to_restore = []
        model.fit(
            data.batches_from(self.unfreezing.epoch),
            initial_epoch=self.unfreezing.epoch,
            epochs=self.unfreezing.last_epoch,
            steps_per_epoch=data.steps_per_epoch,
            validation_data=data.validation_batches,
            class_weight=dict(self._plan.class_weight) if self._plan.class_weight else None,
            callbacks=self._callbacks(optimizer),
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )

    def _build_optimizer(self, phase: Phase, steps: int) -> LayerwiseAdamW:
        settings = self._plan.optimizer
        total_steps = num_epochs(self._plan.phases) * steps
        schedule = WarmupCosine(
            phase.peak_learning_rate,
            total_steps=total_steps,
            warmup_steps=round(settings.warmup_fraction * total_steps),
            first_step=self.unfreezing.planned_epochs_before_phase * steps,
            final_fraction=settings.final_learning_rate_fraction,
        )
        ema = {}
        if settings.ema_momentum is not None:
            ema = {"use_ema": True, "ema_momentum": settings.ema_momentum}
        return LayerwiseAdamW(
            schedule,
            multipliers=depth_multipliers(self._classifier, settings.layer_decay),
            weight_decay=settings.weight_decay,
            global_clipnorm=settings.clip_norm,
            **ema,
        )

    def _callbacks(self, optimizer: LayerwiseAdamW) -> list[keras.callbacks.Callback]:
        # The order matters: the moving average has to be in place before the best model is saved,
        # and the point to resume from comes last because it holds what the others know.
        callbacks: list[keras.callbacks.Callback] = [
            SafePointAfterEachBatch(),
            ReseedRandomLayers(self._classifier.model, self._plan.seed),
            self.unfreezing,
            self.early_stopping,
            self.best,
            self.history,
            self._report,
        ]
        if optimizer.use_ema:
            # While the average is swapped in, weights and optimiser do not belong together, so
            # such a run resumes at the start of a phase.
            return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), *callbacks]
        return [*callbacks, AfterEachEpoch(lambda: self._save_resume_point(optimizer))]

    def _save_resume_point(self, optimizer: LayerwiseAdamW | None) -> None:
        variables = [] if optimizer is None else optimizer.variables
        point = ResumePoint(
            weights=self._classifier.model.get_weights(),
            best_weights=self.best.weights,
            optimizer=[keras.ops.convert_to_numpy(variable) for variable in variables],
            state={
                "unfreezing": self.unfreezing.state(),
                "early_stopping": self.early_stopping.state(),
                "history": self.history.state(),
                "best": self.best.state(),
            },
        )
        save_resume_point(self._resume_file, point)
