"""KerasTuner's Bayesian optimisation over the same space, resumable.

Its oracle proposes values; trials run where those of Optuna run. What is known of a study is in
one file that is replaced as a whole, from which the oracle is told everything again: its own files
are not written atomically.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import write_json
from artstyle_tf.tuning.search_space import Parameter, SearchSpace, different_entries
from artstyle_tf.tuning.study import Proposal, TrialRecord

_METRIC = "macro_f1"


class KerasTunerStudy:
    """See `study.Study`. One process at a time works on it, with any number of workers.

    Args:
        file: what is known of the study.
        space: to search.
        basis: what trials have in common, as JSON values; a study with another is refused.
        num_trials: to be made.
        seed: of the oracle.
        startup_trials: drawn at random first.
        retries: how often a trial is made again whose process was killed.

    Raises:
        ArtstyleError: if keras-tuner is not installed, or the file is about something else.
    """

    metrics: Sequence[str] = (_METRIC,)

    def __init__(
        self,
        file: Path,
        space: SearchSpace,
        *,
        basis: Mapping[str, Any],
        num_trials: int,
        seed: int,
        startup_trials: int,
        retries: int,
    ) -> None:
        self.num_trials = num_trials
        self._file = file
        self._space = space
        self._retries = retries
        self._again: list[Proposal] = []
        self._times_killed: dict[int, int] = {}
        self._steps: dict[int, dict[int, float]] = {}
        self._records: dict[int, TrialRecord] = {}
        self._about = json.loads(json.dumps({"space": space.describe(), **basis}))
        trials = self._read()
        # Every random value takes the next seed; a study that goes on must not draw them again.
        drawn = len(trials) * len(space.keys)
        self._oracle = _build_oracle(space, num_trials, seed + drawn, startup_trials)
        for record in trials:
            self._records[record.number] = record
            self._tell_oracle(record)
            if record.state == "running":  # when it was killed
                self._again.append(Proposal(record.number, record.values))

    def ask(self) -> Proposal | None:
        """See `study.Study`."""
        if self._again:
            proposal = self._again.pop(0)
        else:
            number = len(self._records)
            if number >= self.num_trials:
                return None
            values = self._propose(number)
            if values is None:
                return None
            proposal = Proposal(number, values)
        self._note(TrialRecord(proposal.number, "running", proposal.values))
        return proposal

    def report(self, proposal: Proposal, step: int, value: float) -> bool:
        """Notes the value; nothing is pruned."""
        self._steps.setdefault(proposal.number, {})[step] = value
        return False

    def complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "complete", seconds, scores=dict(scores))
        self._tell_oracle(self._records[proposal.number])

    def prune(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Counts as failed: nothing is pruned here."""
        self.fail(proposal, reason, seconds)

    def fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """See `study.Study`."""
        self._end(proposal, "failed", seconds, reason=reason)
        self._tell_oracle(self._records[proposal.number])

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

    def keep_alive(self, proposals: Iterable[Proposal]) -> None:
        """Nobody else works on it."""
        del proposals

    def is_finished(self) -> bool:
        """See `study.Study`."""
        states = [record.state for record in self._records.values()]
        return not self._again and "running" not in states

    def records(self) -> list[TrialRecord]:
        """See `study.Study`."""
        return [self._records[number] for number in sorted(self._records)]

    def close(self) -> None:
        """Everything is on disk."""

    def _propose(self, number: int) -> dict[str, Any] | None:
        with _quiet():
            trial = self._oracle.create_trial(_name(number))
        if trial.status != "RUNNING":
            return None  # every combination has been tried
        drawn = trial.hyperparameters.values
        tokens = self._space.draw(lambda parameter: _decoded(parameter, drawn[parameter.key]))
        return self._space.values_of(tokens)

    def _end(self, proposal: Proposal, state: str, seconds: float, **more: Any) -> None:
        steps = self._steps.pop(proposal.number, {})
        record = TrialRecord(
            proposal.number,
            state,  # pyright: ignore[reportArgumentType]
            proposal.values,
            steps=steps,
            seconds=round(seconds, 2),
            **more,
        )
        self._note(record)

    def _note(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        trials = [dataclasses.asdict(record) for record in self.records()]
        write_json(self._file, {"about": self._about, "trials": trials})

    def _read(self) -> list[TrialRecord]:
        if not self._file.is_file():
            return []
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            about, trials = known["about"], known["trials"]
        except (ValueError, KeyError, TypeError) as error:
            raise ArtstyleError(
                f"The study {self._file} is damaged",
                received=str(error),
                fix="move it away, or choose another --run-name",
            ) from error
        if about != self._about:
            raise ArtstyleError(
                f"The study {self._file} is about something else",
                received=f"other values for {', '.join(different_entries(about, self._about))}",
                expected="the space and the experiment that it was begun with",
                fix="choose another --run-name, or undo the change",
            )
        return [
            TrialRecord(**{**trial, "steps": {int(n): v for n, v in trial["steps"].items()}})
            for trial in trials
        ]

    def _tell_oracle(self, record: TrialRecord) -> None:
        """Enters how a trial ended, whether this oracle has proposed it or one before."""
        from keras_tuner.engine import trial as keras_tuner_trial

        oracle, name = self._oracle, _name(record.number)
        trial = oracle.ongoing_trials.pop(name, None)
        if trial is None:
            parameters = oracle.hyperparameters.copy()
            parameters.values = {
                key: _encoded(self._space[key], value) for key, value in record.values.items()
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
            trial.metrics.register(_METRIC, direction="max")
            trial.metrics.update(_METRIC, record.scores[_METRIC], step=0)
            oracle.score_trial(trial)


def check_keras_tuner() -> None:
    """Says how to install it.

    Raises:
        ArtstyleError: if it is not installed.
    """
    if importlib.util.find_spec("keras_tuner") is None:
        raise ArtstyleError(
            "The engine keras_tuner needs the package keras-tuner",
            received="tuning.engine=keras_tuner, and it is not installed",
            fix="pip install 'artstyle-tf[keras-tuner]', or take tuning.engine=optuna",
        )


def _build_oracle(space: SearchSpace, num_trials: int, seed: int, startup_trials: int) -> Any:
    check_keras_tuner()
    with _quiet():
        import keras_tuner

        class Oracle(keras_tuner.oracles.BayesianOptimizationOracle):
            """Keeps nothing on disk; this study does."""

            def save(self, *arguments: Any) -> None:
                pass

            def _save_trial(self, trial: Any) -> None:
                pass

        parameters = keras_tuner.HyperParameters()
        for parameter in space.parameters:
            with contextlib.ExitStack() as conditions:
                for key, values in parameter.when.items():
                    wanted = [_encoded(space[key], value) for value in values]
                    conditions.enter_context(parameters.conditional_scope(key, wanted))
                _declare(parameters, parameter)
        oracle = Oracle(
            objective=keras_tuner.Objective(_METRIC, "max"),
            max_trials=num_trials,
            num_initial_points=max(1, startup_trials),
            hyperparameters=parameters,
            allow_new_entries=False,
            tune_new_entries=False,
            seed=max(1, seed),  # 0 would be drawn anew
        )
        oracle.verbose = 0
    return oracle


def _declare(parameters: Any, parameter: Parameter) -> None:
    """Enters a parameter into KerasTuner's space."""
    low, high, step = parameter.low, parameter.high, parameter.step
    sampling = "log" if parameter.log else "linear"
    if parameter.kind == "categorical":
        choices = [_encoded(parameter, choice) for choice in parameter.choices]
        parameters.Choice(parameter.key, choices)
    elif parameter.kind == "int":
        step = None if parameter.log else int(step or 1)
        parameters.Int(parameter.key, int(low), int(high), step=step, sampling=sampling)
    else:
        parameters.Float(parameter.key, low, high, step=step, sampling=sampling)


def _encoded(parameter: Parameter, value: Any) -> Any:
    """Choices as text: KerasTuner wants all of one type."""
    return json.dumps(value, sort_keys=True) if parameter.kind == "categorical" else value


def _decoded(parameter: Parameter, drawn: Any) -> Any:
    """A token of the space."""
    if parameter.kind != "categorical":
        return int(drawn) if parameter.kind == "int" else float(drawn)  # they may be NumPy's
    encoded = [_encoded(parameter, choice) for choice in parameter.choices]
    return parameter.tokens[encoded.index(drawn)]


def _name(number: int) -> str:
    return f"{number:06d}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """KerasTuner calls `threading.currentThread`, and its Gaussian process may not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
