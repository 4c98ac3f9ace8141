"""The objective of a training: losses, metrics and callbacks, in which kinds of training differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from artstyle_tf.metrics.macro_f1 import MacroF1


class Objective(ABC):
    """Losses, metrics and callbacks of a training.

    After each epoch the logs have to hold loss, macro_f1, val_loss and val_macro_f1: from metrics
    and validation batches, or put there by the callbacks. An epoch whose logs hold an `alarm` has
    been undone.

    Attributes:
        history_columns: further keys of the logs for the history.
        finite_logs: keys of the logs that have to be finite; training ends where they are not.
        class_weight: class id -> weight of its images; None for equal weights.
    """

    history_columns: Sequence[str] = ()
    finite_logs: Sequence[str] = ("loss", "val_loss", "macro_f1", "val_macro_f1")
    class_weight: Mapping[int, float] | None = None

    @abstractmethod
    def loss(self, position: int) -> keras.losses.Loss:
        """Return the loss of the phase at this position of the plan, from now on."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """Return new metrics of labels [B] and outputs [B, K]."""
        return []

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return callbacks that run before all others that read the logs."""
        return []

    @property
    def learning_rate_factor(self) -> float:
        """Factor on the learning rate of every phase, from now on."""
        return 1.0

    @property
    def restarts_phase(self) -> bool:
        """Whether `fit` was stopped to continue at once with another loss or learning rate."""
        return False

    @property
    def undoes_epochs(self) -> bool:
        """Whether an epoch that went wrong is undone, and training continues."""
        return False

    @property
    def reason_to_stop(self) -> str | None:
        """Why the objective gives up, for messages; None while it does not."""
        return None

    def state(self) -> dict[str, Any]:
        """Return the state to save, as JSON values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was saved; the network has its weights of that moment."""
        del state


class Classification(Objective):
    """One loss for all phases, on batches of validation images.

    Args:
        loss: of integer labels [B] and logits [B, C].
        class_weight: class id -> weight of its images; None for equal weights.
    """

    def __init__(
        self,
        loss: keras.losses.Loss,
        *,
        num_classes: int,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:
        self._loss = loss
        self._num_classes = num_classes
        self.class_weight = class_weight

    def loss(self, position: int) -> keras.losses.Loss:
        """Return the same loss in every phase."""
        del position
        return self._loss

    def metrics(self) -> list[keras.metrics.Metric]:
        """Return macro-F1 and accuracy."""
        return [
            MacroF1(self._num_classes),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        ]
