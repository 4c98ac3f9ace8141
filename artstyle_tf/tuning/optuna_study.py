"""A study of Optuna that several processes on several machines can work on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from artstyle_tf.tuning.optuna_conversion import (
    REPEAT_OF,
    build_pruner,
    build_sampler,
    check_unchanged,
    record_of,
    suggest,
)
from artstyle_tf.tuning.optuna_retries import SURPLUS, Retries, counted_trials, this_worker
from artstyle_tf.tuning.optuna_storage import (
    close_storage,
    explains_storage_faults,
    storage_faults_explained,
    without_warnings,
)
from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.search_space import SearchSpace, digest_of
from artstyle_tf.tuning.settings import TuningConfig
from artstyle_tf.tuning.study import DIRECTIONS, Study
from artstyle_tf.tuning.trial_records import Proposal, TrialRecord

if TYPE_CHECKING:  # Optuna is imported late
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, Trial


class OptunaStudy(Study):
    """A study of Optuna, used through ask, tell and heartbeats.

    A trial whose worker is dead is run again by the next worker that asks.

    Args:
        name: of the study in the database.
        storage: from `open_storage`.
        space: to search.
        settings: objectives, sampler, pruner, numbers and limits.
        basis: what trials have in common, as JSON values; a study with another is refused.
        seed: of the sampler.
        most_steps: number of intermediate values of a trial at most.
        recipes: finds trials that would train the same; by their values if None.

    Raises:
        ArtstyleError: if the study of this name has another space or basis.
    """

    def __init__(
        self,
        name: str,
        storage: RDBStorage,
        space: SearchSpace,
        settings: TuningConfig,
        *,
        basis: Mapping[str, Any],
        seed: int = 42,
        most_steps: int = 1,
        recipes: Recipes | None = None,
    ) -> None:
        import optuna
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.metrics = settings.objective.metrics
        self.num_trials = settings.num_trials
        self.recipes = recipes or Recipes(space, num_trials=self.num_trials)
        self._storage = storage
        self._space = space
        self._trials: dict[int, Trial] = {}
        self._worker = this_worker()
        with storage_faults_explained(storage):
            with without_warnings():
                self._study = optuna.create_study(
                    study_name=name,
                    storage=storage,
                    pruner=build_pruner(settings.pruner, most_steps=most_steps),
                    directions=[StudyDirection[DIRECTIONS[name].upper()] for name in self.metrics],
                    load_if_exists=True,
                )
            check_unchanged(self._study, space, basis)
            self._retries = Retries(self._study, storage, settings.retries)
            self._retries.take_over_stale_trials(self._trials)
            self._study.sampler = build_sampler(settings.sampler, seed=self._seed(seed))
            self._deadline = self._agree_on_deadline(settings.timeout_seconds)

    @explains_storage_faults
    def ask(self) -> Proposal | None:
        """See `study.Study`."""
        from optuna.trial import TrialState

        trials = self._counted()
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        if self._is_late() or (len(trials) >= self.num_trials and not waiting):
            return None
        if not waiting and self.recipes.are_exhausted(self.records()):
            return None
        with without_warnings():
            trial = self._study.ask()
        trial.set_user_attr("worker", self._worker)
        self._storage.record_heartbeat(trial._trial_id)
        # Another worker may have asked for a trial at the same time.
        numbers = [counted.number for counted in self._counted()]
        if trial.number not in numbers[: self.num_trials]:
            trial.set_user_attr(SURPLUS, value=True)
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        tokens = self._space.draw(lambda key, parameter: suggest(trial, key, parameter))
        self._trials[trial.number] = trial
        return Proposal(trial.number, self._space.values_of(tokens))

    @explains_storage_faults
    def report(self, proposal: Proposal, step: int, value: float) -> bool:
        """See `study.Study`."""
        trial = self._trials[proposal.number]
        if len(self.metrics) > 1:
            return False
        with self._unless_taken_over():
            trial.report(value, step)
            return trial.should_prune()
        return True

    @explains_storage_faults
    def complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "COMPLETE", seconds, [scores[metric] for metric in self.metrics])

    @explains_storage_faults
    def prune(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "PRUNED", seconds, reason=reason)

    @explains_storage_faults
    def fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "FAIL", seconds, reason=reason)

    @explains_storage_faults
    def repeat(self, proposal: Proposal, known: TrialRecord) -> None:
        """See `study.Study`."""
        trial = self._trials[proposal.number]
        with self._unless_taken_over():
            trial.set_user_attr(REPEAT_OF, known.trained)
            for step, value in known.steps.items() if len(self.metrics) == 1 else ():
                trial.report(value, step)
        if known.state == "complete":
            self.complete(proposal, known.scores, 0.0)
        else:
            self.prune(proposal, known.reason or "", 0.0)

    @explains_storage_faults
    def put_back(self, proposal: Proposal, reason: str, *, at_fault: bool) -> bool:
        """See `study.Study`."""
        del self._trials[proposal.number]
        trial = next(t for t in self._all() if t.number == proposal.number)
        return self._retries.retry(trial, reason, at_fault=at_fault)

    @explains_storage_faults
    def keep_alive(self, proposals: Iterable[Proposal]) -> None:
        """See `study.Study`."""
        for proposal in proposals:
            self._storage.record_heartbeat(self._trials[proposal.number]._trial_id)
        self._retries.take_over_stale_trials(self._trials)

    @explains_storage_faults
    def is_finished(self) -> bool:
        """See `study.Study`."""
        from optuna.trial import TrialState

        states = [trial.state for trial in self._counted()]
        if TrialState.RUNNING in states:
            return False
        if self._is_late():
            return True
        if TrialState.WAITING in states or self._retries.forgotten():
            return False
        return len(states) >= self.num_trials or self.recipes.are_exhausted(self.records())

    @property
    @explains_storage_faults
    def ended_early(self) -> str | None:
        """See `study.Study`."""
        records = self.records()
        if len(records) >= self.num_trials:
            return None
        if self.recipes.are_exhausted(records):
            return self.recipes.describe_exhaustion(len(records), self.num_trials)
        if self._is_late():
            return f"{len(records)} of {self.num_trials} trials were run before the timeout"
        return None

    @explains_storage_faults
    def records(self) -> list[TrialRecord]:
        """See `study.Study`."""
        from optuna.trial import TrialState

        return [
            record_of(trial, self._space, self.metrics)
            for trial in self._counted()
            if trial.state != TrialState.WAITING
        ]

    def close(self) -> None:
        """See `study.Study`."""
        close_storage(self._storage)

    def _end(
        self,
        proposal: Proposal,
        state: str,
        seconds: float,
        values: list[float] | None = None,
        reason: str | None = None,
    ) -> None:
        from optuna.trial import TrialState

        trial = self._trials.pop(proposal.number)
        with self._unless_taken_over():
            trial.set_user_attr("seconds", round(seconds, 2))
            if reason is not None:
                trial.set_user_attr("reason", reason)
            self._study.tell(trial, values, state=TrialState[state])

    @contextlib.contextmanager
    def _unless_taken_over(self) -> Iterator[None]:
        """Ignore that another worker runs the trial again: this one was silent, e.g. asleep."""
        from optuna.exceptions import UpdateFinishedTrialError

        with contextlib.suppress(UpdateFinishedTrialError):
            yield

    def _all(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _counted(self) -> list[FrozenTrial]:
        return counted_trials(self._all())

    def _seed(self, seed: int) -> int:
        """Return the seed itself for a new study: with one worker it can be reproduced.

        A command that resumes or joins a study must not draw the same trials again.
        """
        trials = self._all()
        if not trials:
            return seed
        return int(digest_of([seed, len(trials), self._worker])[:7], 16)

    def _agree_on_deadline(self, timeout_seconds: float | None) -> float | None:
        """Share one deadline between concurrent workers; a resumed study starts a new one."""
        if timeout_seconds is None:
            return None
        known = self._study.user_attrs.get("deadline")
        others = any(trial.state.name == "RUNNING" for trial in self._all())
        if isinstance(known, int | float) and others:
            return known
        deadline = time.time() + timeout_seconds
        self._study.set_user_attr("deadline", deadline)
        return deadline

    def _is_late(self) -> bool:
        return self._deadline is not None and time.time() > self._deadline
