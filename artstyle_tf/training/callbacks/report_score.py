"""Reports the score of each epoch to whoever may give the training up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


class ReportScore(keras.callbacks.Callback):
    """Tells validation macro-F1 after each epoch, counted through all phases.

    Args:
        report: gets number of the epoch, from 1, and score; an exception of it ends the training.
    """

    def __init__(self, report: Callable[[int, float], None]) -> None:
        super().__init__()
        self._report = report

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells it."""
        self._report(epoch + 1, float((logs or {})["val_macro_f1"]))
