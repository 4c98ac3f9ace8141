"""End each phase of a plan of progressive unfreezing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.callbacks.resumable import ResumableCallback
from artstyle_tf.training.phases import num_epochs
from artstyle_tf.training.settings import PhaseConfig


class ProgressiveUnfreezing(ResumableCallback):
    """Tracks the current phase of the plan and stops `fit` at the phase's end.

    Keras fixes the trainable variables at `compile`, so a callback cannot unfreeze anything
    itself. It can stop `fit`; then the trainer applies the next phase, compiles and fits again.
    `fit_progressively` does that for any Keras model; a loop of your own is

        ```python
        while (phase := unfreezing.phase) is not None:
            ...  # set trainable, compile with phase.learning_rate
            model.fit(
                data,
                initial_epoch=unfreezing.epoch,
                epochs=unfreezing.last_epoch,
                callbacks=[unfreezing],
            )
            unfreezing.advance()
        ```

    Args:
        phases: the plan, in order.
        monitor: key of the logs whose rise counts as progress.

    Attributes:
        epoch: epochs done so far, over all phases.
        position: of the current phase in the plan.
    """

    state_names = ("epoch", "position", "_first_epoch", "_best", "_epochs_since_best")

    def __init__(self, phases: Sequence[PhaseConfig], *, monitor: str = "val_macro_f1") -> None:
        super().__init__()
        self.phases = tuple(phases)
        self.monitor = monitor
        self.epoch = 0
        self.position = 0
        self._first_epoch = 0
        self._best: float | None = None
        self._epochs_since_best = 0

    @property
    def phase(self) -> PhaseConfig | None:
        """The phase to train now; None when the plan is done."""
        return self.phases[self.position] if self.position < len(self.phases) else None

    @property
    def last_epoch(self) -> int:
        """Number of completed epochs if the current phase uses all its epochs."""
        return self._first_epoch + (self.phase.epochs if self.phase else 0)

    @property
    def planned_epochs_done(self) -> int:
        """Position in the plan; a phase that ended on a plateau counts with all its epochs."""
        return num_epochs(self.phases[: self.position]) + self.epoch - self._first_epoch

    @property
    def has_reached_plateau(self) -> bool:
        """Whether the current phase should end before its epochs are used up."""
        patience = self.phase.plateau_epochs if self.phase else None
        return patience is not None and self._epochs_since_best >= patience

    @property
    def phase_is_over(self) -> bool:
        """Whether the current phase has nothing left to train."""
        return self.epoch >= self.last_epoch or self.has_reached_plateau

    def advance(self) -> None:
        """Go to the next phase."""
        self.position += 1
        self._first_epoch = self.epoch
        self._best = None
        self._epochs_since_best = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop `fit` when the phase has reached a plateau.

        Raises:
            ArtstyleError: if the phase waits for a plateau of what is not in the logs.
        """
        self.epoch = epoch + 1
        logs = logs or {}
        if self.monitor not in logs and self.phase and self.phase.plateau_epochs is not None:
            raise ArtstyleError(
                "A phase should end on a plateau of what is not measured",
                received=f"monitor={self.monitor}",
                expected=f"one of {', '.join(logs)}",
            )
        nothing = float("-inf")
        value = logs.get(self.monitor, nothing)
        if value > (nothing if self._best is None else self._best):
            self._best, self._epochs_since_best = value, 0
        else:
            self._epochs_since_best += 1
        if self.has_reached_plateau:
            self.model.stop_training = True
