"""Undo an epoch in which the embedding collapsed, and continue training more gently."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from artstyle_tf.system.finite_numbers import all_finite
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.training.callbacks.resumable import ResumableCallback
from artstyle_tf.training.settings import CollapseGuardConfig

_NEARLY_ALL = 0.95

_NOT_FINITE = "loss, weights or embeddings are not finite any more"


class CollapseGuard(ResumableCallback):
    """Checks each epoch; an alarm reloads the last good weights and stops `fit`.

    The trainer then repeats the rest of the phase with a learning rate and a loss that depend on
    this guard: the rate is multiplied by a factor, and from the first alarm on the triplets are
    mined semi-hard. When that has not helped a few times the guard gives up.

    Args:
        network_model: the whole network; a phase trains a model that shares its variables.
        settings: the limits, and the consequences of an alarm.
        num_classes: C.

    Attributes:
        margin: of the current loss, if that of collapsed embeddings is the margin; else None.
        num_alarms: alarms so far.
        requests_restart: whether `fit` was stopped by an alarm after which training continues.
        reason_to_stop: why the guard gave up, for messages; None while it has not.
    """

    state_names = (
        "_best",
        "_smallest_distance",
        "num_alarms",
        "requests_restart",
        "reason_to_stop",
    )

    def __init__(
        self,
        network_model: keras.Model,
        settings: CollapseGuardConfig,
        *,
        num_classes: int,
        reporter: Reporter = SILENT,
    ) -> None:
        super().__init__()
        self._network_model = network_model
        self._settings = settings
        self._smallest_distance = settings.min_mean_distance
        self._smallest_rank = settings.min_rank_ratio * (num_classes - 1)
        self._reporter = reporter
        self._good_weights: list[np.ndarray] = []
        self._best = 0.0
        self.margin: float | None = None
        self.num_alarms = 0
        self.requests_restart = False
        self.reason_to_stop: str | None = None

    @property
    def learning_rate_factor(self) -> float:
        """Factor on the learning rate, after all alarms so far."""
        return self._settings.learning_rate_factor**self.num_alarms

    def start_from(self, scores: dict[str, float]) -> None:
        """Set the scores before the first epoch: logs without a loss."""
        self._best = scores["val_macro_f1"]
        self._smallest_distance = min(self._smallest_distance, scores["mean_distance"] / 2)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Store the current weights as good."""
        self.requests_restart = False
        self._good_weights = self._network_model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the limits; an alarm is added to the logs."""
        logs = {} if logs is None else logs
        weights = self._network_model.get_weights()
        alarm = self._alarm(logs) if all_finite(weights) else _NOT_FINITE
        if alarm is None:
            self._best = max(self._best, logs["val_macro_f1"])
            self._good_weights = weights
            return
        logs["alarm"] = alarm
        self._network_model.set_weights(self._good_weights)
        self.num_alarms += 1
        self.model.stop_training = True
        if self.num_alarms > self._settings.max_alarms:
            self.reason_to_stop = (
                f"the embedding collapsed {self.num_alarms} times, most recently because {alarm}; "
                "smaller learning rates, semi_hard in all phases or fewer unfrozen blocks may help"
            )
            return
        self.requests_restart = True
        self._reporter.warn(
            f"Epoch {epoch + 1} collapsed: {alarm}. Its weights are discarded; training continues "
            f"from the last good ones with {self.learning_rate_factor:g} times the learning rate "
            "and semi-hard triplets."
        )

    def _alarm(self, logs: dict[str, Any]) -> str | None:
        """Return which limit the logs of an epoch break, for messages; None if none."""
        loss, distance, rank = logs["loss"], logs["mean_distance"], logs["embedding_rank"]
        score = logs["val_macro_f1"]
        if not (math.isfinite(loss) and math.isfinite(distance)):
            return _NOT_FINITE
        if distance < self._smallest_distance:
            return (
                f"the mean distance between images is {distance:.2f} "
                f"(at least {self._smallest_distance:.2f} expected)"
            )
        if rank < self._smallest_rank:
            return (
                f"the embeddings fill {rank:.1f} dimensions "
                f"(at least {self._smallest_rank:.1f} expected)"
            )
        if self._is_loss_of_one_point(logs):
            return f"the loss {loss:.3f} is that of a single point, the margin {self.margin:g}"
        if score < self._settings.min_score_ratio * self._best:
            return f"validation macro-F1 fell from {self._best:.3f} to {score:.3f}"
        return None

    def _is_loss_of_one_point(self, logs: dict[str, Any]) -> bool:
        # A loss above the margin is something else: the hard triplets of a young embedding.
        if self.margin is None or logs["active_triplets"] <= _NEARLY_ALL:
            return False
        return abs(logs["loss"] / self.margin - 1.0) < self._settings.margin_tolerance
