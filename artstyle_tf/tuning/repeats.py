"""Trials that are the same training, and the number of different ones in a space.

A training follows from its config and its seed, which all trials share. Repeating one costs its
time and gives no new information.
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
    """Identifies trials that train the same.

    Args:
        space: of the values.
        config_of: values -> JSON values of the training's config, because different values may
            lead to the same config; raises ArtstyleError for values that do not go together. None
            if the values themselves are the config.
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
        """Return a digest that is equal for values that lead to the same training."""
        exact = {key: self._space.parameters[key].on_grid(value) for key, value in values.items()}
        given = digest_of(exact)
        if given not in self._names:
            self._names[given] = self._digest_of_config(exact) or given
        return self._names[given]

    def _digest_of_config(self, values: Mapping[str, Any]) -> str | None:
        if self._config_of is None:
            return None
        try:
            return digest_of(self._config_of(values))
        except ArtstyleError:
            return None  # never trained: the trial fails with this error

    @functools.cached_property
    def _all(self) -> frozenset[str] | None:
        """Names of all possible recipes; None for more than a study could try."""
        combinations = self._space.combinations(self._most)
        if combinations is None:
            return None
        return frozenset(self.name(values) for values in combinations)

    def are_exhausted(self, records: Iterable[TrialRecord]) -> bool:
        """Return whether these trials, ended or running, cover all possible recipes."""
        return self._all is not None and self._all <= {self.name(r.values) for r in records}

    def find_twin(self, proposal: Proposal, records: Iterable[TrialRecord]) -> TrialRecord | None:
        """Find a trial whose result is that of the proposal.

        Returns:
            One that is complete, else one that was pruned, else one that is running and has a
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

    def describe_exhaustion(self, num_run: int, num_trials: int) -> str:
        """Describe why the study of an exhausted space has fewer trials than configured."""
        number = len(self._all or ())
        different = "recipe" if number == 1 else "different recipes"
        return (
            f"{num_run} of {num_trials} trials were run: the space holds no more than "
            f"{number} {different}, and each has been tried"
        )


def _may_become(record: TrialRecord, proposal: Proposal) -> bool:
    return record.state == "running" and record.values.items() < proposal.values.items()
