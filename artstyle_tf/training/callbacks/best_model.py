"""Keeps the weights of the best epoch, in memory and on disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from artstyle_tf.system.finite_numbers import NotFiniteError, all_finite


class BestModel(keras.callbacks.Callback):
    """Remembers the network whenever validation macro-F1 rises, saves it, and can bring it back.

    The first one is saved at once, so that there soon is a model to use. Later ones wait for
    `write`: saving takes half a second, as long as an epoch of the head, and until then the point
    to resume from holds the best weights, too.

    Args:
        whole_model: the whole network; a phase trains a model that shares its variables.
        save: writes the network to disk, atomically; None to keep it in memory alone.

    Attributes:
        score: best validation macro-F1 so far.
        epoch: the epoch it was reached in; 0 is the linear probe.
        weights: of that epoch, as `get_weights` returns them; empty before the first offer.
    """

    def __init__(
        self, whole_model: keras.Model, save: Callable[[keras.Model], None] | None
    ) -> None:
        super().__init__()
        self._whole_model = whole_model
        self._save = save
        self._is_saved = False
        self.weights: list[np.ndarray] = []
        self.score = float("-inf")
        self.epoch = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Offers the weights of this epoch, unless they have been taken back."""
        logs = logs or {}
        if "alarm" not in logs:
            self.offer(epoch + 1, logs["val_macro_f1"])

    def offer(self, epoch: int, score: float) -> None:
        """Keeps the present weights if their score is the best so far.

        Raises:
            NotFiniteError: if the score or one of the weights is not finite; what was best stays.
        """
        if not math.isfinite(score):
            raise _not_finite(f"The validation macro-F1 of epoch {epoch} is {score}")
        if score > self.score:
            weights = self._whole_model.get_weights()
            if not all_finite(weights):
                raise _not_finite(f"The network of epoch {epoch} has weights that are not finite")
            is_first = not self.weights
            self.score, self.epoch, self.weights = float(score), epoch, weights
            if is_first and self._save is not None:  # nothing has to be put back
                self._save(self._whole_model)
            self._is_saved = is_first

    def describe(self) -> str:
        """What is kept so far, for people."""
        if not self.weights:
            return "No weights were kept"
        of = "the start" if self.epoch == 0 else f"epoch {self.epoch}"
        return f"The weights of {of} (validation macro-F1 {self.score:.3f}) are kept"

    def write(self) -> None:
        """Saves the best network, if that has not been done; the present weights stay."""
        if self._save is None or self._is_saved or not self.weights:
            return
        present = self._whole_model.get_weights()
        self.bring_back()
        try:
            self._save(self._whole_model)
        finally:
            self._whole_model.set_weights(present)
        self._is_saved = True

    def bring_back(self) -> None:
        """Gives the network the best weights."""
        if self.weights:
            self._whole_model.set_weights(self.weights)

    def state(self) -> dict[str, Any]:
        """What `restore` needs beside the weights, as JSON values."""
        return {"score": self.score, "epoch": self.epoch}

    def restore(self, state: dict[str, Any], weights: list[np.ndarray]) -> None:
        """Continues where `state` was taken, with the best weights of that moment."""
        self.score, self.epoch = state["score"], state["epoch"]
        self.weights = weights
        self._is_saved = False


def _not_finite(happened: str) -> NotFiniteError:
    return NotFiniteError(
        happened,
        expected="finite numbers",
        fix="check model.weights, which may be damaged, or take a smaller learning rate",
    )
