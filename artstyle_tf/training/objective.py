"""What is learned and how it is judged: the part in which kinds of training differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from artstyle_tf.metrics.macro_f1 import MacroF1


class Objective(ABC):
    """Tells the trainer what to compile and what to look at.

    After each epoch the logs have to hold loss, macro_f1, val_loss and val_macro_f1: from metrics
    and validation batches, or put there by the callbacks. An epoch whose logs hold an `alarm` has
    been taken back.

    Attributes:
        history_columns: further keys of the logs that belong into the history.
        finite_logs: keys of the logs that have to be finite; training ends where they are not.
        class_weight: class id -> weight of its images; None for equal weights.
    """

    history_columns: Sequence[str] = ()
    finite_logs: Sequence[str] = ("loss", "val_loss", "macro_f1", "val_macro_f1")
    class_weight: Mapping[int, float] | None = None

    @abstractmethod
    def loss(self, position: int) -> keras.losses.Loss:
        """The loss of the phase at this position of the plan, from now on."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """New metrics of labels [B] and outputs [B, K]."""
        return []

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Run before all others that read the logs."""
        return []

    @property
    def learning_rate_factor(self) -> float:
        """On the learning rate of every phase, from now on."""
        return 1.0

    @property
    def restarts_phase(self) -> bool:
        """Whether `fit` was stopped to go on at once with another loss or learning rate."""
        return False

    @property
    def takes_epochs_back(self) -> bool:
        """Whether an epoch that went wrong is taken back, and training goes on."""
        return False

    @property
    def reason_to_stop(self) -> str | None:
        """Why the objective gives up, for people; None while it does not."""
        return None

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken; the network has its weights of that moment."""
        del state


class Classification(Objective):
    """Naming the class of an image: one loss for all phases, on batches of validation images.

    Args:
        loss: of integer labels [B] and logits [B, C].
        num_classes: C.
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
        """The same in every phase."""
        del position
        return self._loss

    def metrics(self) -> list[keras.metrics.Metric]:
        """Macro-F1 and accuracy."""
        return [
            MacroF1(self._num_classes),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        ]
