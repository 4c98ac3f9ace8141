"""Writes the numbers of each epoch for TensorBoard."""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import Any

import keras

from artstyle_tf.runs.optional_packages import check_tensorboard


class TensorBoardLog(keras.callbacks.TensorBoard):
    """Scalars only: whatever is a number in the logs.

    Args:
        folder: for the event files.

    Raises:
        ArtstyleError: if TensorBoard is not installed, without which TensorFlow writes nothing.
    """

    def __init__(self, folder: Path) -> None:
        check_tensorboard()
        super().__init__(str(folder), write_graph=False, profile_batch=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Leaves out what is no number, such as the text of an alarm."""
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, Real)}
        super().on_epoch_end(epoch, numbers)
