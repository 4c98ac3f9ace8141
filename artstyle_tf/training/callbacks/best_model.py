"""Keep the weights of the best epoch, and stop when there is no better one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from artstyle_tf.system.finite_numbers import NotFiniteError, all_finite
from artstyle_tf.training.callbacks.resumable import ResumableCallback
from artstyle_tf.training.settings import EarlyStoppingConfig


class BestModel(ResumableCallback):
    """Stores and saves the weights whenever validation macro-F1 rises, and can restore them.

    The first ones are saved at once, so there soon is a model to use. Later ones wait for `write`:
    saving takes half a second, as long as an epoch of the head, and until then the resume point
    holds the best weights, too.

    Args:
        whole_model: the whole network; a phase trains a model that shares its variables.
        save: writes the network to disk, atomically; None to store it in memory alone.

    Attributes:
        score: best validation macro-F1 so far.
        epoch: the epoch it was reached in; 0 is the linear probe.
        keeps_last: whether the last epoch counts as the best one, whatever its score.
        weights: of that epoch, as `get_weights` returns them; empty before the first offer. They
            are in the resume point, and have to be set after `restore`.
    """

    state_names = ("score", "epoch")

    def __init__(
        self, whole_model: keras.Model, save: Callable[[keras.Model], None] | None
    ) -> None:
        super().__init__()
        self._whole_model = whole_model
        self._save = save
        self._is_saved = False
        self.weights: list[np.ndarray] = []
        self.score = float("-inf")
        self.epoch = 0
        self.keeps_last = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Offer the weights of this epoch, unless it has been undone."""
        logs = logs or {}
        if "alarm" not in logs:
            self.offer(epoch + 1, logs["val_macro_f1"])

    def offer(self, epoch: int, score: float) -> None:
        """Store the current weights if their score is the best so far.

        Raises:
            NotFiniteError: if the score or one of the weights is not finite; what was best stays.
        """
        if not math.isfinite(score):
            raise _not_finite(f"The validation macro-F1 of epoch {epoch} is {score}")
        if score > self.score or self.keeps_last:
            weights = self._whole_model.get_weights()
            if not all_finite(weights):
                raise _not_finite(f"The network of epoch {epoch} has weights that are not finite")
            is_first = not self.weights
            self.score, self.epoch, self.weights = float(score), epoch, weights
            if is_first and self._save is not None:  # the network has these weights now
                self._save(self._whole_model)
            self._is_saved = is_first

    def describe(self) -> str:
        """Return which weights are saved, for messages."""
        if not self.weights or self._save is None:
            return "No weights were saved"
        of = "the start" if self.epoch == 0 else f"epoch {self.epoch}"
        return f"The weights of {of} (validation macro-F1 {self.score:.3f}) are saved"

    def write(self) -> None:
        """Save the best network, if that has not been done; the current weights stay."""
        if self._save is None or self._is_saved or not self.weights:
            return
        current = self._whole_model.get_weights()
        self.restore_best()
        try:
            self._save(self._whole_model)
        finally:
            self._whole_model.set_weights(current)
        self._is_saved = True

    def restore_best(self) -> None:
        """Set the best weights in the network."""
        if self.weights:
            self._whole_model.set_weights(self.weights)


class EarlyStopping(ResumableCallback):
    """Stops by patience on validation macro-F1 and by the overfitting gap.

    Unlike `keras.callbacks.EarlyStopping` it counts across several `fit` calls, so that a new
    phase does not give a hopeless run new patience; and it records why it stopped.

    Attributes:
        reason: why training was stopped, for messages; None while it continues.
    """

    state_names = ("_best", "_epochs_since_best", "reason")

    def __init__(self, settings: EarlyStoppingConfig) -> None:
        super().__init__()
        self._settings = settings
        self.reason: str | None = None
        self._best: float | None = None
        self._epochs_since_best = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Apply the rules."""
        logs = logs or {}
        if "alarm" in logs:
            return  # the epoch has been undone
        if logs["val_macro_f1"] > (float("-inf") if self._best is None else self._best):
            self._best, self._epochs_since_best = logs["val_macro_f1"], 0
        else:
            self._epochs_since_best += 1
        self.reason = self._reason_to_stop(logs)
        if self.reason is not None:
            self.model.stop_training = True

    def start_from(self, val_macro_f1: float) -> None:
        """Count from the score of the start, which training should exceed."""
        self._best = val_macro_f1

    def _reason_to_stop(self, logs: dict[str, Any]) -> str | None:
        gap, allowed = logs["macro_f1"] - logs["val_macro_f1"], self._settings.max_overfitting_gap
        if allowed is not None and gap > allowed:
            return f"training macro-F1 is {gap:.3f} above validation (allowed: {allowed:g})"
        patience = self._settings.patience_epochs
        if patience is not None and self._epochs_since_best >= patience:
            return f"no better validation macro-F1 for {self._epochs_since_best} epochs"
        return None


def _not_finite(happened: str) -> NotFiniteError:
    return NotFiniteError(
        happened,
        expected="finite numbers",
        fix="check model.weights, which may be damaged, or take a smaller learning rate",
    )
