"""Lets Ctrl-C take effect between two batches."""

from __future__ import annotations

from typing import Any

import keras

from artstyle_tf.system.interruption import safe_point


class SafePointAfterEachBatch(keras.callbacks.Callback):
    """Calls `safe_point` where Keras is not in the middle of something."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a step of training."""
        safe_point()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of validation."""
        safe_point()
