"""Our settings, search space and trials as Optuna's samplers, distributions and trials.

Trials come from a database that other programs can write to.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.optuna_retries import retry_history
from artstyle_tf.tuning.parameters import Parameter
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import PrunerConfig, SamplerConfig
from artstyle_tf.tuning.study_folder import must_be_stored
from artstyle_tf.tuning.trial_records import TrialRecord

if TYPE_CHECKING:  # Optuna is imported late
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

REPEAT_OF = "repeat_of"
"""Attribute of a trial that has taken over the result of another."""

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
_PACKAGE_OF = {"cmaes": "cmaes", "gp": "torch"}
_FEWEST_TRIALS = 4


def check_sampler(name: str) -> None:
    """Refuse a sampler whose package is missing: Optuna would fail after the first trials.

    Raises:
        ArtstyleError: with the package to install.
    """
    package = _PACKAGE_OF.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ArtstyleError(
            f"The sampler {name} needs the package {package}",
            received=f"tuning.sampler.name={name}, and {package} is not installed",
            fix=f"pip install {package}, or take tuning.sampler.name=tpe, which needs nothing",
        )


def build_sampler(settings: SamplerConfig, *, seed: int) -> BaseSampler:
    """Build a seeded sampler.

    Source of the default: Bergstra et al. 2011 (tree-structured Parzen estimators).
    """
    from optuna import samplers
    from optuna.exceptions import ExperimentalWarning

    check_sampler(settings.name)
    startup_trials = settings.startup_trials
    build: dict[str, Callable[[], BaseSampler]] = {
        # With several workers, running trials count as bad ones, or all would try the same
        # values. Parameters are drawn together, because learning rate and batch size depend on
        # each other; conditions make groups.
        "tpe": lambda: samplers.TPESampler(
            seed=seed,
            n_startup_trials=startup_trials,
            multivariate=True,
            group=True,
            constant_liar=True,
        ),
        "random": lambda: samplers.RandomSampler(seed=seed),
        "qmc": lambda: samplers.QMCSampler(
            seed=seed, scramble=True, warn_independent_sampling=False
        ),
        "nsga2": lambda: samplers.NSGAIISampler(seed=seed),
        "cmaes": lambda: samplers.CmaEsSampler(
            seed=seed, n_startup_trials=startup_trials, warn_independent_sampling=False
        ),
        "gp": lambda: samplers.GPSampler(seed=seed, n_startup_trials=startup_trials),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return build[settings.name]()


def build_pruner(settings: PrunerConfig, *, most_steps: int) -> BasePruner:
    """Build a pruner for trials that report at most `most_steps` values.

    Source: Golovin et al. 2017 (median); Li et al. 2018, arXiv:1810.05934 (halving, asynchronous);
    Li et al. 2018, arXiv:1603.06560 (hyperband).
    """
    from optuna import pruners

    build: dict[str, Callable[[], BasePruner]] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(
            n_startup_trials=settings.startup_trials, n_warmup_steps=settings.warmup_steps
        ),
        "halving": lambda: pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "hyperband": lambda: pruners.HyperbandPruner(
            min_resource=1, max_resource=most_steps, reduction_factor=3
        ),
    }
    return build[settings.name]()


def suggest(trial: Trial, key: str, parameter: Parameter) -> Any:
    """Draw a token of a parameter."""
    if parameter.type == "categorical":
        return trial.suggest_categorical(key, parameter.tokens)
    if parameter.type == "int":
        return trial.suggest_int(
            key, parameter.low, parameter.high, step=parameter.step, log=parameter.log
        )
    return trial.suggest_float(
        key, parameter.low, parameter.high, step=parameter.step, log=parameter.log
    )


def check_unchanged(study: Study, space: SearchSpace, basis: Mapping[str, Any]) -> None:
    """Store the description of a new study, or compare it with the stored one.

    Raises:
        ArtstyleError: naming what has changed.
    """
    current = {"space": space.describe(), **basis}
    states = {trial.state.name for trial in study.get_trials(deepcopy=False)}
    if must_be_stored(
        study.user_attrs.get("about"),
        current,
        study=study.study_name,
        has_trials=bool(states),
        has_scores=bool(states & {"COMPLETE", "PRUNED"}),
    ):
        study.set_user_attr("about", current)


def record_of(trial: FrozenTrial, space: SearchSpace, metrics: Sequence[str]) -> TrialRecord:
    """Convert a trial of Optuna.

    Raises:
        ArtstyleError: if this program cannot have written it.
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
            f"Trial {trial.number} of the study was not written by this program",
            received=f"values {trial.params}, scores {trial.values}",
            expected=f"values of {', '.join(space.parameters)}",
            fix="choose another --run-name for a new study",
        ) from error


def _number(attribute: Any) -> Any:
    """Return an attribute that should be a number; None if another program wrote otherwise."""
    return attribute if isinstance(attribute, int | float) else None


def parameter_importances(
    records: Sequence[TrialRecord], space: SearchSpace, *, seed: int
) -> dict[str, float]:
    """Compute the share of the variance of macro-F1 that each parameter explains by itself.

    Pruned trials count with their last value: leaving out the bad ones would hide what made them
    bad. `seed` is that of the random forest.

    Returns:
        Key -> share, greatest first. A conditional parameter, which some trials lack, is left out.
        Empty for too few trials, or if all have the same value.

    Source: Hutter et al. 2014, "An efficient approach for assessing hyperparameter importance"
    (functional ANOVA).
    """
    known = [(record, record.score) for record in records if record.score is not None]
    if len(known) < _FEWEST_TRIALS or len({score for _, score in known}) < 2:
        return {}
    import optuna

    study = optuna.create_study(direction="maximize")
    distributions = {key: _distribution(parameter) for key, parameter in space.parameters.items()}
    for record, score in known:
        tokens = {k: space.parameters[k].token_of(value) for k, value in record.values.items()}
        study.add_trial(
            optuna.create_trial(
                value=score,
                params=tokens,
                distributions={key: distributions[key] for key in tokens},
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(share) for key, share in found.items()}


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna import distributions

    if parameter.type == "categorical":
        return distributions.CategoricalDistribution(parameter.tokens)
    kind = (
        distributions.IntDistribution
        if parameter.type == "int"
        else (distributions.FloatDistribution)
    )
    return kind(parameter.low, parameter.high, log=parameter.log, step=parameter.step)  # pyright: ignore[reportArgumentType]
