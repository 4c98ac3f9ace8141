"""One row for each epoch, on disk as soon as the epoch is over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.system.files import write_text

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


class HistoryLog(keras.callbacks.Callback):
    """Writes history.csv.

    Args:
        path: the CSV file.
        further_columns: keys of the logs to write beside `COLUMNS`.

    Attributes:
        rows: one mapping of the columns for each epoch; epoch 0 is the start.
        phase_name: the phase that the next rows belong to.
    """

    def __init__(self, path: Path, further_columns: Sequence[str] = ()) -> None:
        super().__init__()
        self._path = path
        self._columns = (*COLUMNS, *further_columns)
        self._epoch_started = 0.0
        self.rows: list[dict[str, Any]] = []
        self.phase_name = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock of the epoch."""
        self._epoch_started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the row of the epoch."""
        seconds = time.monotonic() - self._epoch_started
        learning_rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.add(epoch + 1, {**(logs or {}), "learning_rate": learning_rate, "seconds": seconds})

    def add(self, epoch: int, values: dict[str, Any]) -> None:
        """Adds a row and writes the file."""
        row = {"epoch": epoch, "phase": self.phase_name, **values}
        self.rows.append({name: row.get(name) for name in self._columns})
        write_text(self._path, csv_text(self.table(), float_format="%.6g"))

    def table(self) -> pd.DataFrame:
        """All rows so far, with the columns."""
        return pd.DataFrame(self.rows, columns=list(self._columns))

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        return {"rows": self.rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken; later rows are forgotten."""
        self.rows = list(state["rows"])
