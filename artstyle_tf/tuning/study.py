"""What a study is, whichever engine proposes its trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.trial_records import Proposal, TrialRecord

DIRECTIONS = {"macro_f1": "maximize", "training_seconds": "minimize"}
"""Objectives -> which way is better."""


class Study(Protocol):
    """Proposes trials and remembers them."""

    @property
    def metrics(self) -> Sequence[str]:
        """Objectives, the first decides where one has to."""
        ...

    @property
    def num_trials(self) -> int:
        """Trials that are to be made, by all who work on the study."""
        ...

    def ask(self) -> Proposal | None:
        """The next trial; None if there is nothing to begin now."""
        ...

    def report(self, proposal: Proposal, step: int, value: float) -> bool:
        """Notes a value on the way; says whether to give the trial up."""
        ...

    def complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        """Notes the scores of a trial."""
        ...

    def prune(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Notes that a trial was given up."""
        ...

    def fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Notes that a trial went wrong."""
        ...

    def repeat(self, proposal: Proposal, known: TrialRecord) -> None:
        """Takes over the outcome of a trial that trained the same, complete or pruned."""
        ...

    def put_back(self, proposal: Proposal, reason: str, *, at_fault: bool) -> bool:
        """Lets a trial that was killed be made again, by whoever asks next.

        Args:
            proposal: of the trial.
            reason: what happened.
            at_fault: whether it may have been the trial's own fault, so that there is a limit.

        Returns:
            Whether it will be made again; else it has failed.
        """
        ...

    def keep_alive(self, proposals: Iterable[Proposal]) -> None:
        """Tells others that these trials are being made, and takes over those of the dead."""
        ...

    def is_finished(self) -> bool:
        """Whether all trials are made, and nobody is at work on one."""
        ...

    @property
    def recipes(self) -> Recipes:
        """Tells which trials would train the same."""
        ...

    @property
    def ended_early(self) -> str | None:
        """Why a finished study has fewer trials than were wanted; None if it has all."""
        ...

    def records(self) -> list[TrialRecord]:
        """All trials by number, without those that are made again."""
        ...

    def close(self) -> None:
        """Gives back what is open; nothing else is asked of it afterwards."""
        ...


def best_first(records: Iterable[TrialRecord], metrics: Sequence[str]) -> list[TrialRecord]:
    """Complete trials, best first by the first objective; of several objectives only the front.

    Args:
        records: of any state.
        metrics: objectives.

    Returns:
        With several objectives, the trials that no other beats in all of them.
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
    """Of trials that train the same only the first, in the order given."""
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
