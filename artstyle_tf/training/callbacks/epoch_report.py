"""Tells a person how training goes: a line an epoch, a bar within it on a terminal."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from artstyle_tf.system.progress import Reporter, format_seconds


class EpochReport(keras.callbacks.Callback):
    """Reports each epoch with the time left.

    Args:
        reporter: where the report goes.
        total_epochs: epochs of the whole plan.

    Attributes:
        phase_name: the phase that is being trained.
    """

    def __init__(self, reporter: Reporter, *, total_epochs: int) -> None:
        super().__init__()
        self._reporter = reporter
        self._total_epochs = total_epochs
        self._epoch_started = 0.0
        self._progress: Progress | None = None
        self.phase_name = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the bar."""
        self._epoch_started = time.monotonic()
        if self._reporter.is_terminal and not self._reporter.quiet:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._progress = Progress(
                *columns, TimeRemainingColumn(), console=self._reporter.console(), transient=True
            )
            self._progress.start()
            steps = (self.params or {}).get("steps")
            self._progress.add_task(f"Epoch {epoch + 1}/{self._total_epochs}", total=steps)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Prints the line of the epoch."""
        self.close()
        logs = logs or {}
        seconds = time.monotonic() - self._epoch_started
        remaining = self._total_epochs - epoch - 1
        left = f", at most {format_seconds(seconds * remaining)} left" if remaining else ""
        self._reporter.info(
            f"Epoch {epoch + 1}/{self._total_epochs} ({self.phase_name}): "
            f"loss {logs['loss']:.3f}, macro-F1 {logs['macro_f1']:.3f}; "
            f"validation loss {logs['val_loss']:.3f}, macro-F1 {logs['val_macro_f1']:.3f} "
            f"({format_seconds(seconds)}{left})"
        )

    def close(self) -> None:
        """Takes the bar away; also needed after an interrupt, or the cursor stays hidden."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
