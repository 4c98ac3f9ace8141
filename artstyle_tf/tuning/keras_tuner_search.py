"""KerasTuner's Bayesian optimization on the same search space, resumable.

Its oracle proposes values; trials run where those of Optuna run. The state of a study is one file
that is replaced as a whole, from which the oracle is filled again: its own files are not written
atomically.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.locks import held
from artstyle_tf.tuning.keras_tuner_oracle import METRIC, build_oracle, decoded, encoded, quiet
from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuningConfig
from artstyle_tf.tuning.study import Study
from artstyle_tf.tuning.study_folder import must_be_stored
from artstyle_tf.tuning.trial_records import Proposal, TrialRecord

_TRIALS_OF_A_STUDY = pydantic.TypeAdapter(list[TrialRecord])


class KerasTunerStudy(Study):
    """A study of KerasTuner. One process at a time works on it, with any number of workers.

    Args:
        file: the state of the study.
        space: to search.
        settings: number of trials, how many of them at random, and retries.
        basis: what trials have in common, as JSON values; a study with another is refused.
        seed: of the oracle.
        recipes: finds trials that would train the same; by their values if None.

    Raises:
        ArtstyleError: if the file belongs to another study, or another process works on it.
    """

    metrics: Sequence[str] = (METRIC,)

    def __init__(
        self,
        file: Path,
        space: SearchSpace,
        settings: TuningConfig,
        *,
        basis: Mapping[str, Any],
        seed: int = 42,
        recipes: Recipes | None = None,
    ) -> None:
        self.num_trials = settings.num_trials
        self.recipes = recipes or Recipes(space, num_trials=self.num_trials)
        self._lock = contextlib.ExitStack()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock.enter_context(held(file.with_name("keras-tuner.lock"), busy=_in_use))
        self._file = file
        self._space = space
        self._retries = settings.retries
        self._again: list[Proposal] = []
        self._times_killed: dict[int, int] = {}
        self._steps: dict[int, dict[int, float]] = {}
        self._records: dict[int, TrialRecord] = {}
        self._has_no_more_to_propose = False
        self._about = json.loads(json.dumps({"space": space.describe(), **basis}))
        try:
            trials = self._read()
        except ArtstyleError:
            self._lock.close()
            raise
        # Every random value takes the next seed; a resumed study must not draw them again.
        drawn = len(trials) * len(space.parameters)
        self._oracle = build_oracle(
            space, self.num_trials, seed + drawn, settings.sampler.startup_trials
        )
        for record in trials:
            self._records[record.number] = record
            self._add_to_oracle(record)
            if record.state == "running":  # when it was killed
                self._again.append(Proposal(record.number, record.values))

    def ask(self) -> Proposal | None:
        """See `study.Study`."""
        if self._again:
            proposal = self._again.pop(0)
        else:
            number = len(self._records)
            if number >= self.num_trials or self.recipes.are_exhausted(self.records()):
                return None
            values = self._propose(number)
            if values is None:
                return None
            proposal = Proposal(number, values)
        self._store(TrialRecord(proposal.number, "running", proposal.values))
        return proposal

    def report(self, proposal: Proposal, step: int, value: float) -> bool:
        """Store an intermediate value; nothing is pruned."""
        self._steps.setdefault(proposal.number, {})[step] = value
        return False

    def complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "complete", seconds, scores=dict(scores))

    def fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "failed", seconds, reason=reason)

    def repeat(self, proposal: Proposal, known: TrialRecord) -> None:
        """See `study.Study`."""
        self._steps[proposal.number] = dict(known.steps)
        self._end(proposal, "complete", 0.0, scores=dict(known.scores), repeat_of=known.trained)

    def put_back(self, proposal: Proposal, reason: str, *, at_fault: bool) -> bool:
        """See `study.Study`."""
        number = proposal.number
        if at_fault:
            self._times_killed[number] = self._times_killed.get(number, 0) + 1
            if self._times_killed[number] > self._retries:
                self.fail(proposal, reason, 0.0)
                return False
        self._again.append(proposal)
        return True

    def is_finished(self) -> bool:
        """See `study.Study`."""
        records = self.records()
        if self._again or any(record.state == "running" for record in records):
            return False
        has_all = len(records) >= self.num_trials or self.recipes.are_exhausted(records)
        return has_all or self._has_no_more_to_propose

    @property
    def ended_early(self) -> str | None:
        """See `study.Study`."""
        records = self.records()
        if len(records) >= self.num_trials or not self.is_finished():
            return None
        if self.recipes.are_exhausted(records):
            return self.recipes.describe_exhaustion(len(records), self.num_trials)
        return (
            f"{len(records)} of {self.num_trials} trials were run: KerasTuner has stopped, because"
            " it drew 20 times in a row what it had proposed before; tuning.engine=optuna continues"
        )

    def records(self) -> list[TrialRecord]:
        """See `study.Study`."""
        return [self._records[number] for number in sorted(self._records)]

    def close(self) -> None:
        """Release the lock; everything is on disk."""
        self._lock.close()

    def _propose(self, number: int) -> dict[str, Any] | None:
        with quiet():
            trial = self._oracle.create_trial(_name(number))
        if trial.status != "RUNNING":
            # A running trial may still give it a reason to go on.
            self._has_no_more_to_propose = not self._oracle.ongoing_trials
            return None
        drawn = trial.hyperparameters.values
        tokens = self._space.draw(lambda key, parameter: decoded(parameter, drawn[key]))
        return self._space.values_of(tokens)

    def _end(self, proposal: Proposal, state: Any, seconds: float, **more: Any) -> None:
        record = TrialRecord(
            proposal.number,
            state,
            proposal.values,
            steps=self._steps.pop(proposal.number, {}),
            seconds=round(seconds, 2),
            **more,
        )
        self._store(record)
        self._add_to_oracle(record)

    def _store(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        trials = [dataclasses.asdict(record) for record in self.records()]
        write_json(self._file, {"about": self._about, "trials": trials})

    def _read(self) -> list[TrialRecord]:
        if not self._file.is_file():
            return []
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            about = known["about"]
            trials = _TRIALS_OF_A_STUDY.validate_python(known["trials"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        must_be_stored(
            about,
            self._about,
            study=str(self._file),
            has_trials=bool(trials),
            has_scores=any(record.state == "complete" for record in trials),
        )
        try:
            for record in trials:
                self._check(record)
        except (ValueError, KeyError) as error:
            raise self._damaged(error) from error
        return trials

    def _damaged(self, error: Exception) -> ArtstyleError:
        return ArtstyleError(
            f"The study {self._file} is damaged",
            received=" ".join(str(error).split())[:300],
            fix="move it away, or choose another --run-name",
        )

    def _check(self, record: TrialRecord) -> None:
        """Raise ValueError or KeyError for a trial that this program cannot have written."""
        for key, value in record.values.items():
            if not self._space.parameters[key].holds(value):
                raise ValueError(f"trial {record.number} has {key}={value!r}")
        if record.state == "complete" and not math.isfinite(record.scores[METRIC]):
            raise ValueError(f"trial {record.number} has no score")

    def _add_to_oracle(self, record: TrialRecord) -> None:
        """Report a trial to the oracle, whether this oracle has proposed it or an earlier one."""
        from keras_tuner.engine import trial as keras_tuner_trial

        oracle, name = self._oracle, _name(record.number)
        trial = oracle.ongoing_trials.pop(name, None)
        if trial is None:
            parameters = oracle.hyperparameters.copy()
            parameters.values = {
                key: encoded(self._space.parameters[key], value)
                for key, value in record.values.items()
            }
            trial = keras_tuner_trial.Trial(parameters, trial_id=name)
            oracle.trials[name] = trial
            if record.state == "running":
                trial.status = "RUNNING"
                oracle.ongoing_trials[name] = trial
        if record.state == "failed":
            trial.status = "FAILED"
        elif record.state == "complete":
            trial.status = "COMPLETED"
            trial.metrics.register(METRIC, direction="max")
            trial.metrics.update(METRIC, record.scores[METRIC], step=0)
            oracle.score_trial(trial)


def _name(number: int) -> str:
    return f"{number:06d}"


def _in_use(holder: str) -> None:
    raise ArtstyleError(
        "Another command works on this study",
        received=holder,
        expected="one command at a time, because KerasTuner shares no database",
        fix="wait for it, raise its --workers, choose another --run-name, or take "
        "tuning.engine=optuna",
    )
