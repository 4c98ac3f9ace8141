"""A search space in the words of Optuna, and its trials in ours.

Trials come from a database that other programs can write to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.optuna_retries import retry_history
from artstyle_tf.tuning.search_space import Parameter, SearchSpace
from artstyle_tf.tuning.study_identity import must_be_noted
from artstyle_tf.tuning.trial_records import TrialRecord

if TYPE_CHECKING:  # Optuna is imported late
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial


REPEAT_OF = "repeat_of"
"""Attribute of a trial that has taken over the outcome of another."""

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def suggest(trial: Trial, parameter: Parameter) -> Any:
    """Draws a number, or a token of the parameter."""
    low, high, step = parameter.low, parameter.high, parameter.step
    if parameter.kind == "categorical":
        return trial.suggest_categorical(parameter.key, parameter.tokens)
    if parameter.kind == "int":
        return trial.suggest_int(
            parameter.key, int(low), int(high), step=int(step or 1), log=parameter.log
        )
    return trial.suggest_float(parameter.key, low, high, step=step, log=parameter.log)


def check_unchanged(study: Study, space: SearchSpace, basis: Mapping[str, Any]) -> None:
    """Notes what the study is about, or compares it with what it was about.

    Raises:
        ArtstyleError: naming what has changed.
    """
    wanted = {"space": space.describe(), **basis}
    states = {trial.state.name for trial in study.get_trials(deepcopy=False)}
    if must_be_noted(
        study.user_attrs.get("about"),
        wanted,
        study=study.study_name,
        has_trials=bool(states),
        has_scores=bool(states & {"COMPLETE", "PRUNED"}),
    ):
        study.set_user_attr("about", wanted)


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """What its numbers or tokens are drawn from."""
    from optuna import distributions

    low, high, step = parameter.low, parameter.high, parameter.step
    if parameter.kind == "categorical":
        return distributions.CategoricalDistribution(parameter.tokens)
    if parameter.kind == "int":
        return distributions.IntDistribution(
            int(low), int(high), log=parameter.log, step=int(step or 1)
        )
    return distributions.FloatDistribution(low, high, log=parameter.log, step=step)


def record_of(trial: FrozenTrial, space: SearchSpace, metrics: Sequence[str]) -> TrialRecord:
    """What became of a trial.

    Args:
        trial: of Optuna.
        space: that its values are from.
        metrics: objectives.

    Raises:
        ArtstyleError: if this program cannot have made it.
    """
    state = _STATES.get(trial.state.name, "running")
    history = retry_history(trial)
    complete = state == "complete"
    attributes = trial.user_attrs
    try:
        return TrialRecord(
            number=trial.number,
            state=state,  # pyright: ignore[reportArgumentType]
            values=space.values_of(trial.params),
            scores=dict(zip(metrics, trial.values, strict=True)) if complete else {},
            steps=dict(trial.intermediate_values),
            seconds=_number(attributes.get("seconds")),
            reason=None if complete or "reason" not in attributes else str(attributes["reason"]),
            retry_of=history[0] if history else None,
            repeat_of=_number(attributes.get(REPEAT_OF)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ArtstyleError(
            f"Trial {trial.number} of the study was not made by this program",
            received=f"values {trial.params}, scores {trial.values}",
            expected=f"values of {', '.join(space.keys)}",
            fix="choose another --run-name for a new study",
        ) from error


def _number(attribute: Any) -> Any:
    """An attribute that should be a number; None if somebody has written something else."""
    return attribute if isinstance(attribute, int | float) else None
