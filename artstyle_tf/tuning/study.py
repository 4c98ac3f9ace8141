"""The interface of a study, and the ranking of its trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.trial_records import Proposal, TrialRecord

DIRECTIONS = {"macro_f1": "maximize", "training_seconds": "minimize"}
"""Objectives -> direction of optimization."""


class Study(ABC):
    """Proposes trials and stores their results.

    Attributes:
        metrics: objectives; the first decides where a single one is needed.
        num_trials: of the study, by all processes that work on it.
        recipes: finds trials that would train the same.
    """

    metrics: Sequence[str]
    num_trials: int
    recipes: Recipes

    @abstractmethod
    def ask(self) -> Proposal | None:
        """Return the next trial; None if there is nothing to start now."""

    @abstractmethod
    def report(self, proposal: Proposal, step: int, value: float) -> bool:
        """Store an intermediate value; return whether to prune the trial."""

    @abstractmethod
    def complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        """Store the scores of a trial."""

    def prune(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Store that a trial was pruned; it has failed for an engine that does not prune."""
        self.fail(proposal, reason, seconds)

    @abstractmethod
    def fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Store that a trial failed."""

    @abstractmethod
    def repeat(self, proposal: Proposal, known: TrialRecord) -> None:
        """Take over the result of a trial that trained the same, complete or pruned."""

    @abstractmethod
    def put_back(self, proposal: Proposal, reason: str, *, at_fault: bool) -> bool:
        """Queue a killed trial to be run again, by this or another process.

        Args:
            proposal: of the trial.
            reason: what happened.
            at_fault: whether the trial itself may be the cause, so that retries are limited.

        Returns:
            Whether it will be run again; otherwise it has failed.
        """

    def keep_alive(self, proposals: Iterable[Proposal]) -> None:  # noqa: B027
        """Send heartbeats for running trials, and take over those of dead workers, if shared."""

    @abstractmethod
    def is_finished(self) -> bool:
        """Return whether all trials have ended, those of other processes included."""

    @property
    @abstractmethod
    def ended_early(self) -> str | None:
        """Why a finished study has fewer trials than `num_trials`; None if it has all."""

    @abstractmethod
    def records(self) -> list[TrialRecord]:
        """Return all trials by number, without those that are run again."""

    @abstractmethod
    def close(self) -> None:
        """Release locks and connections; nothing else is called afterwards."""


def best_first(records: Iterable[TrialRecord], metrics: Sequence[str]) -> list[TrialRecord]:
    """Return the complete trials, best first by the first objective.

    With several objectives only the Pareto front: trials that no other beats in all of them.
    """
    complete = [record for record in records if record.state == "complete"]
    if len(metrics) > 1:
        complete = [
            record
            for record in complete
            if not any(_dominates(other, record, metrics) for other in complete)
        ]
    return sorted(complete, key=lambda record: (-record.scores[metrics[0]], record.number))


def different_recipes(best: Iterable[TrialRecord], recipes: Recipes) -> list[TrialRecord]:
    """Return the first of each set of trials that train the same, in the given order."""
    different: dict[str, TrialRecord] = {}
    for record in best:
        different.setdefault(recipes.name(record.values), record)
    return list(different.values())


def _dominates(one: TrialRecord, other: TrialRecord, metrics: Sequence[str]) -> bool:
    signs = [1.0 if DIRECTIONS[metric] == "maximize" else -1.0 for metric in metrics]
    gains = [
        sign * (one.scores[metric] - other.scores[metric])
        for sign, metric in zip(signs, metrics, strict=True)
    ]
    return all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains)
