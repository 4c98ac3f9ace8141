"""Calls a function after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


class AfterEachEpoch(keras.callbacks.Callback):
    """For what the trainer itself has to do between two epochs.

    Args:
        act: called without arguments.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Calls it."""
        self._act()
