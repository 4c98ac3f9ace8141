"""Which trials are the same training, and how many different ones a space holds.

A training follows from its config and its seed, which all trials share. To repeat one costs its
time and tells nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.search_space import SearchSpace, digest_of
from artstyle_tf.tuning.trial_records import Proposal, TrialRecord

_MOST_COMBINATIONS = 1000


class Recipes:
    """Tells whether trials train the same.

    Args:
        space: that values are from.
        config_of: values -> JSON values of what is trained, because different values may lead to
            the same; raises ArtstyleError for values that do not go together. None if the values
            themselves are all there is.
        num_trials: of the study; a space that holds more recipes cannot be exhausted.
    """

    def __init__(
        self,
        space: SearchSpace,
        config_of: Callable[[Mapping[str, Any]], Any] | None = None,
        *,
        num_trials: int,
    ) -> None:
        self._space = space
        self._config_of = config_of
        self._most = max(num_trials, _MOST_COMBINATIONS)
        self._names: dict[str, str] = {}

    def name(self, values: Mapping[str, Any]) -> str:
        """A digest that is equal for values that lead to the same training."""
        exact = {key: self._space[key].on_grid(value) for key, value in values.items()}
        given = digest_of(exact)
        if given not in self._names:
            self._names[given] = self._name(exact) or given
        return self._names[given]

    def _name(self, values: Mapping[str, Any]) -> str | None:
        if self._config_of is None:
            return None
        try:
            return digest_of(self._config_of(values))
        except ArtstyleError:
            return None  # never trained: the trial fails, and says why

    @functools.cached_property
    def _all(self) -> frozenset[str] | None:
        """Names of all that there can be; None for more than a study could try."""
        combinations = self._space.combinations(self._most)
        if combinations is None:
            return None
        return frozenset(self.name(values) for values in combinations)

    def are_exhausted(self, records: Iterable[TrialRecord]) -> bool:
        """Whether these trials, ended or being made, are all that there can be."""
        return self._all is not None and self._all <= {self.name(r.values) for r in records}

    def find_twin(self, proposal: Proposal, records: Iterable[TrialRecord]) -> TrialRecord | None:
        """The trial whose outcome is that of the proposal.

        Returns:
            One that is complete, else one that was pruned, else one that is being made and has a
            lower number, so that of two trials only one waits for the other. None if the proposal
            has to be trained: a trial that failed may have failed for lack of memory.
            Another worker may still be writing the values of a trial, one by one; whether it is a
            twin is known a moment later.
        """
        name = self.name(proposal.values)
        twins = [
            record
            for record in records
            if record.number != proposal.number
            and (self.name(record.values) == name or _may_become(record, proposal))
        ]
        for state in ("complete", "pruned", "running"):
            for twin in sorted(twins, key=lambda record: record.number):
                if twin.state == state and (state != "running" or twin.number < proposal.number):
                    return twin
        return None

    def end_in_words(self, num_made: int, num_wanted: int) -> str:
        """Why a study of an exhausted space has fewer trials than were wanted."""
        number = len(self._all or ())
        different = "recipe" if number == 1 else "different recipes"
        return (
            f"{num_made} of {num_wanted} trials were made: the space holds no more than "
            f"{number} {different}, and each has been tried"
        )


def _may_become(record: TrialRecord, proposal: Proposal) -> bool:
    return record.state == "running" and record.values.items() < proposal.values.items()
