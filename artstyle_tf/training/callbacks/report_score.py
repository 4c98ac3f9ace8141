"""Reports the score of each epoch to whoever may give the training up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from artstyle_tf.errors import ArtstyleError


class ReportScore(keras.callbacks.Callback):
    """Tells validation macro-F1 after each epoch, counted through all phases.

    Args:
        report: gets number of the epoch, from 1, and score; an exception of it ends the training.
    """

    def __init__(self, report: Callable[[int, float], None]) -> None:
        super().__init__()
        self._report = report

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells it.

        Raises:
            ArtstyleError: if the loss is not finite. The score is no sign of that: a network of
                NaN answers every picture with the first class.
        """
        known = logs or {}
        for name in ("loss", "val_loss"):
            if not math.isfinite(known.get(name) or 0.0):
                raise ArtstyleError(
                    f"The {name} is {known[name]} after epoch {epoch + 1}",
                    expected="a finite number",
                    fix="take a smaller learning rate, or training.optimizer.clip_norm=1.0",
                )
        self._report(epoch + 1, float(known["val_macro_f1"]))
