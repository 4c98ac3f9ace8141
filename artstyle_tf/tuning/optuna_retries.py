"""Trials that are run again under another number, because they or their worker were killed."""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from artstyle_tf.tuning.optuna_storage import without_warnings

if TYPE_CHECKING:  # Optuna is imported late
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial


_TIME_TO_PUT_BACK = timedelta(seconds=2)

SURPLUS = "surplus"
"""Attribute of a trial that two workers have started at once where one was left."""


def this_worker() -> str:
    """Return a name of this process by which others can look for it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead(worker: Any) -> bool:
    """Return whether a worker of this machine has ended.

    Args:
        worker: from `this_worker`. It is read from a database that other programs can write, and
            may be anything. For a worker of another machine, or anything else, the result is
            False: there only the heartbeat counts.
    """
    host, _, process = worker.rpartition(":") if isinstance(worker, str) else ("", "", "")
    if host != socket.gethostname() or not (process.isascii() and process.isdecimal()):
        return False
    if int(process) in (0, os.getpid()):  # 0 would be all processes of this group
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def retry_history(trial: FrozenTrial) -> list[int]:
    """Return the numbers of earlier attempts with the same values, first to last."""
    history = trial.system_attrs.get("retry_history", [])
    whole = isinstance(history, list) and all(isinstance(number, int) for number in history)
    return history if whole else []  # anything else was not written by this program


def counted_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials without surplus ones and without those that are run again."""
    again = {number for trial in trials for number in retry_history(trial)}
    successors: dict[int, int] = {}
    counted = []
    for trial in trials:
        history = retry_history(trial)
        # Two workers may have put the same trial back.
        first = not history or successors.setdefault(history[-1], trial.number) == trial.number
        if first and trial.number not in again and SURPLUS not in trial.user_attrs:
            counted.append(trial)
    return counted


def put_back_again(study: Study, trial: FrozenTrial, *, limit: int | None) -> None:
    """Queue a trial once more with its values, unless that was done `limit` times."""
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    with without_warnings():
        RetryHeartbeatStaleTrialCallback(max_retry=limit)(study, trial)


class Retries:
    """Queues trials again whose process or worker was killed; at most `limit` times each."""

    def __init__(self, study: Study, storage: RDBStorage, limit: int) -> None:
        self._study = study
        self._storage = storage
        self._limit = limit

    def retry(self, trial: FrozenTrial, reason: str, *, at_fault: bool) -> bool:
        """End a trial and queue it again; return whether it will be run again."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        limit = self._limit if at_fault else None
        try:
            self._storage.set_trial_user_attr(trial._trial_id, "reason", reason)
            self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return True  # another worker has done it
        put_back_again(self._study, trial, limit=limit)
        return limit is None or len(retry_history(trial)) < limit

    def take_over_stale_trials(self, own: Container[int]) -> None:
        """Queue trials again whose worker has ended or sends no heartbeats.

        Args:
            own: numbers of the trials of this worker.
        """
        import optuna

        with without_warnings():
            optuna.storages.fail_stale_trials(self._study)
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.name != "RUNNING" or trial.number in own:
                continue
            worker = trial.user_attrs.get("worker")
            if is_dead(worker) if worker else self._is_old(trial):
                self.retry(trial, "its worker was killed", at_fault=True)
        for trial in self.forgotten():
            ended = trial.datetime_complete
            if ended is not None and datetime.now() - ended > _TIME_TO_PUT_BACK:
                put_back_again(self._study, trial, limit=self._limit)

    def forgotten(self) -> list[FrozenTrial]:
        """Return trials whose worker died, and then the worker that was to queue them again."""
        return [
            trial
            for trial in counted_trials(self._study.get_trials(deepcopy=False))
            if trial.state.name == "FAIL"
            and "seconds" not in trial.user_attrs  # no result was stored
            and len(retry_history(trial)) < self._limit
        ]

    def _is_old(self, trial: FrozenTrial) -> bool:
        """Return whether the worker was killed between asking and its first heartbeat."""
        grace = timedelta(seconds=self._storage.grace_period or 0)
        return trial.datetime_start is None or datetime.now() - trial.datetime_start > grace
