"""End training when a number is not finite any more."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from artstyle_tf.system.finite_numbers import NotFiniteError, all_finite
from artstyle_tf.training.callbacks.best_model import BestModel
from artstyle_tf.training.objective import Objective

_LABELS = {
    "loss": "the loss",
    "val_loss": "the validation loss",
    "macro_f1": "the macro-F1",
    "val_macro_f1": "the validation macro-F1",
    "mean_distance": "the embedding",
}


class DivergenceCheck(keras.callbacks.Callback):
    """Checks the loss of each batch, and once an epoch scores, weights and the optimizer.

    It has to run before the callbacks that save the weights of an epoch. The scores alone are not
    enough: a network of NaN still predicts a class for each image, and macro-F1 is finite.

    Args:
        objective: of the training; may undo an epoch.
        best: the best weights so far.

    Attributes:
        phase_name: the phase that is being trained.
    """

    def __init__(
        self,
        objective: Objective,
        best: BestModel,
        total_epochs: int,
    ) -> None:
        super().__init__()
        self._objective = objective
        self._best = best
        self._total_epochs = total_epochs
        self._epoch = 0
        self._first_batch: int | None = None
        self.phase_name = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the position of the training."""
        self._epoch, self._first_batch = epoch, None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the mean loss of the epoch so far, which stays NaN once it is.

        Raises:
            NotFiniteError: if the loss is not finite and the objective does not undo epochs.
        """
        loss = float((logs or {}).get("loss", 0.0))
        if math.isfinite(loss) or self._first_batch is not None:
            return
        self._first_batch = batch + 1
        if not self._objective.undoes_epochs:  # else it is evaluated first
            raise self._error(f"the loss is {loss}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check everything.

        Raises:
            NotFiniteError: if something is not finite and the epoch has not been undone.
        """
        logs = logs or {}
        names = self._objective.finite_logs
        wrong = [name for name in names if not math.isfinite(logs.get(name, 0.0))]
        is_undone = "alarm" in logs and self._objective.undoes_epochs
        if wrong and not is_undone:
            raise self._error(f"{_LABELS[wrong[0]]} is not finite")
        if not all_finite(map(_array, self.model.weights)):
            raise self._error("weights are not finite")
        # Where an epoch is undone, training continues with a new optimizer.
        if not is_undone and not all_finite(map(_array, self.model.optimizer.variables)):
            raise self._error("the optimizer's moments are not finite")

    def _error(self, what: str) -> NotFiniteError:
        batch = "" if self._first_batch is None else f", batch {self._first_batch}"
        optimizer = self.model.optimizer
        rate = float(_array(optimizer.learning_rate))
        clip = ", and training.optimizer.clip_norm=1" if optimizer.global_clipnorm is None else ""
        return NotFiniteError(
            f"Training diverged in epoch {self._epoch + 1} of {self._total_epochs} "
            f"({self.phase_name}){batch}: {what}. {self._best.describe()}",
            received=f"a learning rate of {rate:g} at that moment",
            fix="begin a new run with a smaller learning rate in training.phases, e.g. a tenth"
            f"{clip}; --resume keeps the learning rate and would end in the same way",
        )


def _array(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)
