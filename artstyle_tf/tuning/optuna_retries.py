"""Trials that are made again under another number, and which of them count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from artstyle_tf.tuning.optuna_storage import without_warnings

if TYPE_CHECKING:  # Optuna is imported late
    from optuna import Study
    from optuna.trial import FrozenTrial

SURPLUS = "surplus"
"""Attribute of a trial that two workers have begun at once where one was wanted."""


def counted_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Without those that are made again under another number, and those too many."""
    again = {n for trial in trials for n in trial.system_attrs.get("retry_history", [])}
    successors: dict[int, int] = {}
    counted = []
    for trial in trials:
        history = trial.system_attrs.get("retry_history", [])
        # Two workers may have put the same trial back.
        first = not history or successors.setdefault(history[-1], trial.number) == trial.number
        if first and trial.number not in again and SURPLUS not in trial.user_attrs:
            counted.append(trial)
    return counted


def put_back_again(study: Study, trial: FrozenTrial, *, limit: int | None) -> None:
    """Lets a trial wait once more with its values, unless that was done `limit` times."""
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    with without_warnings():
        RetryHeartbeatStaleTrialCallback(max_retry=limit)(study, trial)
