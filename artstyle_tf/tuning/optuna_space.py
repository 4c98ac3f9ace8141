"""A search space in the words of Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.tuning.search_space import Parameter, SearchSpace, different_entries, digest_of

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
    known = study.user_attrs.get("about")
    if known is None:
        study.set_user_attr("about", wanted)
        return
    if digest_of(known) == digest_of(wanted):
        return
    changed = different_entries(known, wanted)
    raise ArtstyleError(
        f"The study {study.study_name} is about something else",
        received=f"other values for {', '.join(changed)}",
        expected="the space and the experiment that it was begun with",
        fix="choose another --run-name, or undo the change",
    )


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
