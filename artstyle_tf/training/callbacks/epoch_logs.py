"""Log each epoch: as a row of history.csv, as a line for the user, and for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.runs.optional_packages import check_tensorboard
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter, format_seconds
from artstyle_tf.training.callbacks.resumable import ResumableCallback

COLUMNS = (
    "epoch",
    "phase",
    "loss",
    "val_loss",
    "macro_f1",
    "val_macro_f1",
    "accuracy",
    "val_accuracy",
    "learning_rate",
    "seconds",
)


class HistoryLog(ResumableCallback):
    """Writes history.csv, on disk as soon as an epoch is over.

    Args:
        further_columns: keys of the logs to write in addition to `COLUMNS`.

    Attributes:
        rows: one mapping of the columns for each epoch; epoch 0 is the start.
        phase_name: the phase that the next rows belong to.
    """

    state_names = ("rows",)

    def __init__(self, path: Path, further_columns: Sequence[str] = ()) -> None:
        super().__init__()
        self._path = path
        self._columns = (*COLUMNS, *further_columns)
        self._epoch_started = 0.0
        self.rows: list[dict[str, Any]] = []
        self.phase_name = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock of the epoch."""
        self._epoch_started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the row of the epoch."""
        seconds = time.monotonic() - self._epoch_started
        learning_rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.add(epoch + 1, {**(logs or {}), "learning_rate": learning_rate, "seconds": seconds})

    def add(self, epoch: int, values: dict[str, Any]) -> None:
        """Add a row and write the file."""
        row = {"epoch": epoch, "phase": self.phase_name, **values}
        self.rows.append({name: row.get(name) for name in self._columns})
        write_text(self._path, csv_text(self.table(), float_format="%.6g"))

    def table(self) -> pd.DataFrame:
        """Return all rows so far, with the columns."""
        return pd.DataFrame(self.rows, columns=list(self._columns))


class EpochReport(keras.callbacks.Callback):
    """Prints a line an epoch with the time left, and on a terminal a bar within it.

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
        """Start the bar."""
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
        """Move the bar."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line of the epoch."""
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
        """Remove the bar; also needed after an interrupt, or the cursor stays hidden."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class TensorBoardLog(keras.callbacks.TensorBoard):
    """Writes all numbers in the logs, and no graph, for TensorBoard.

    Raises:
        ArtstyleError: if TensorBoard is not installed, without which TensorFlow writes nothing.
    """

    def __init__(self, folder: Path) -> None:
        check_tensorboard()
        super().__init__(str(folder), write_graph=False, profile_batch=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the numbers, without other values such as the text of an alarm."""
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, Real)}
        super().on_epoch_end(epoch, numbers)
