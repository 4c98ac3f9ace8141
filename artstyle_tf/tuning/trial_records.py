"""Trials, proposed and finished, and the images that they share.

Imports neither TensorFlow nor pandas, so that the process of the study can unpickle these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from artstyle_tf.images.preparation.preparation import PreparedImages

TrialState = Literal["complete", "pruned", "failed", "running"]


@dataclass(frozen=True)
class Proposal:
    """A trial to be run: its number, and key -> value of the active parameters."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class TrialRecord:
    """A trial that has ended or is running.

    Attributes:
        number: of the trial.
        state: of the trial.
        values: key -> value of the active parameters.
        scores: objective -> value; empty unless complete.
        steps: intermediate values: epoch or fold -> macro-F1.
        seconds: duration.
        reason: why it failed or was pruned.
        retry_of: number of the killed trial that this one repeats.
        repeat_of: number of the trial whose result this one has taken over, because its training
            would have been the same.
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

    @property
    def score(self) -> float | None:
        """Macro-F1; of a pruned trial the last intermediate value."""
        if self.state == "complete":
            return self.scores["macro_f1"]
        return self.steps[max(self.steps)] if self.state == "pruned" and self.steps else None


@dataclass(frozen=True)
class StudyImages:
    """The images of every trial.

    Attributes:
        prepared: clean files with their splits.
        table: of the sources, from the index, with the column `split`.
        class_names: in the order of the class ids.
    """

    prepared: PreparedImages
    table: pd.DataFrame
    class_names: tuple[str, ...]
