"""A search space in the words of Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from artstyle_tf.tuning.search_space import Parameter, SearchSpace
from artstyle_tf.tuning.study_identity import must_be_noted

if TYPE_CHECKING:  # Optuna is imported late
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial


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
