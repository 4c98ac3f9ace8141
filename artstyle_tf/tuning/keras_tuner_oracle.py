"""KerasTuner's oracle on a search space, without its files."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

from artstyle_tf.tuning.parameters import Parameter
from artstyle_tf.tuning.search_space import SearchSpace

METRIC = "macro_f1"
"""The objective, which is maximized."""


def build_oracle(space: SearchSpace, num_trials: int, seed: int, startup_trials: int) -> Any:
    """Build an oracle that proposes at most `num_trials`, the first `startup_trials` at random."""
    with quiet():
        import keras_tuner

        class Oracle(keras_tuner.oracles.BayesianOptimizationOracle):
            """An oracle that writes nothing to disk; the study does."""

            def save(self, *arguments: Any) -> None:
                pass

            def _save_trial(self, trial: Any) -> None:
                pass

        parameters = keras_tuner.HyperParameters()
        for key, parameter in space.parameters.items():
            with contextlib.ExitStack() as conditions:
                for other, values in parameter.when.items():
                    allowed = [encoded(space.parameters[other], value) for value in values]
                    conditions.enter_context(parameters.conditional_scope(other, allowed))
                _declare(parameters, key, parameter)
        oracle = Oracle(
            objective=keras_tuner.Objective(METRIC, "max"),
            max_trials=num_trials,
            num_initial_points=max(1, startup_trials),
            hyperparameters=parameters,
            allow_new_entries=False,
            tune_new_entries=False,
            seed=max(1, seed),  # 0 would be replaced by a random seed
        )
        oracle.verbose = 0
    return oracle


def _declare(parameters: Any, key: str, parameter: Parameter) -> None:
    """Add a parameter to KerasTuner's space."""
    if parameter.type == "categorical":
        parameters.Choice(key, [encoded(parameter, choice) for choice in parameter.choices])
        return
    sampling = "log" if parameter.log else "linear"
    if parameter.type == "int":
        step = None if parameter.log else parameter.step
        parameters.Int(key, parameter.low, parameter.high, step=step, sampling=sampling)
    else:
        parameters.Float(key, parameter.low, parameter.high, step=parameter.step, sampling=sampling)


def encoded(parameter: Parameter, value: Any) -> Any:
    """Return a value as KerasTuner stores it: choices as text, since all must have one type."""
    return json.dumps(value, sort_keys=True) if parameter.type == "categorical" else value


def decoded(parameter: Parameter, drawn: Any) -> Any:
    """Return the token of a value of KerasTuner."""
    if parameter.type != "categorical":
        return int(drawn) if parameter.type == "int" else float(drawn)  # may be NumPy scalars
    texts = [encoded(parameter, choice) for choice in parameter.choices]
    return parameter.tokens[texts.index(drawn)]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence KerasTuner: a deprecated call, and a Gaussian process that may not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
