"""Stops the whole plan when it no longer helps."""

from __future__ import annotations

from typing import Any

import keras

from artstyle_tf.training.settings import EarlyStoppingConfig


class EarlyStopping(keras.callbacks.Callback):
    """Stops by patience on validation macro-F1 and by the overfitting gap.

    Unlike `keras.callbacks.EarlyStopping` it counts across several `fit` calls, so that a new
    phase does not give a hopeless run new patience; and it says why it stopped.

    Args:
        settings: the limits.

    Attributes:
        reason: why training was stopped, for people; None while it goes on.
    """

    def __init__(self, settings: EarlyStoppingConfig) -> None:
        super().__init__()
        self._settings = settings
        self.reason: str | None = None
        self._best = float("-inf")
        self._epochs_since_best = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the rules."""
        logs = logs or {}
        if "alarm" in logs:
            return  # the epoch has been taken back
        if logs["val_macro_f1"] > self._best:
            self._best, self._epochs_since_best = logs["val_macro_f1"], 0
        else:
            self._epochs_since_best += 1
        self.reason = self._reason_to_stop(logs)
        if self.reason is not None:
            self.model.stop_training = True

    def start_from(self, val_macro_f1: float) -> None:
        """Counts from the score of the linear probe, which training has to beat."""
        self._best = val_macro_f1

    def _reason_to_stop(self, logs: dict[str, Any]) -> str | None:
        gap, allowed = logs["macro_f1"] - logs["val_macro_f1"], self._settings.max_overfitting_gap
        if allowed is not None and gap > allowed:
            return f"training macro-F1 is {gap:.3f} above validation (allowed: {allowed:g})"
        patience = self._settings.patience_epochs
        if patience is not None and self._epochs_since_best >= patience:
            return f"no better validation macro-F1 for {self._epochs_since_best} epochs"
        return None

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        best = None if self._best == float("-inf") else self._best
        return {"best": best, "epochs_since_best": self._epochs_since_best, "reason": self.reason}

    def restore(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken."""
        self._best = float("-inf") if state["best"] is None else state["best"]
        self._epochs_since_best = state["epochs_since_best"]
        self.reason = state["reason"]
