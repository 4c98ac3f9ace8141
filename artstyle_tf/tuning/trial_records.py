"""Trials, proposed and made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

TrialState = Literal["complete", "pruned", "failed", "running"]


@dataclass(frozen=True)
class Proposal:
    """A trial that is to be made.

    Attributes:
        number: of the trial.
        values: key -> value, of the active parameters.
    """

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class TrialRecord:
    """A trial that was made, or is being made.

    Attributes:
        number: of the trial.
        state: how it ended.
        values: key -> value, of the active parameters.
        scores: objective -> value; empty unless complete.
        steps: what it reported on its way: epoch or fold -> macro-F1.
        seconds: it took.
        reason: why it failed or was pruned.
        retry_of: number of the trial that was killed and is made again here.
        repeat_of: number of the trial whose outcome this one has taken over, because it would have
            trained the same.
    """

    number: int
    state: TrialState
    values: dict[str, Any]
    scores: dict[str, float] = field(default_factory=dict)
    steps: dict[int, float] = field(default_factory=dict)
    seconds: float | None = None
    reason: str | None = None
    retry_of: int | None = None
    repeat_of: int | None = None

    @property
    def trained(self) -> int:
        """Number of the trial that was trained: its own, unless it repeats one."""
        return self.number if self.repeat_of is None else self.repeat_of
