"""KerasTuner's oracle over a search space, without its files."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

from artstyle_tf.tuning.search_space import Parameter, SearchSpace

METRIC = "macro_f1"
"""What it maximizes."""


def build_oracle(space: SearchSpace, num_trials: int, seed: int, startup_trials: int) -> Any:
    """An oracle that proposes values of the space.

    Args:
        space: to search.
        num_trials: it proposes at most.
        seed: of all that it draws.
        startup_trials: drawn at random first.
    """
    with quiet():
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
                    wanted = [encoded(space[key], value) for value in values]
                    conditions.enter_context(parameters.conditional_scope(key, wanted))
                _declare(parameters, parameter)
        oracle = Oracle(
            objective=keras_tuner.Objective(METRIC, "max"),
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
        choices = [encoded(parameter, choice) for choice in parameter.choices]
        parameters.Choice(parameter.key, choices)
    elif parameter.kind == "int":
        step = None if parameter.log else int(step or 1)
        parameters.Int(parameter.key, int(low), int(high), step=step, sampling=sampling)
    else:
        parameters.Float(parameter.key, low, high, step=step, sampling=sampling)


def encoded(parameter: Parameter, value: Any) -> Any:
    """Choices as text: KerasTuner wants all of one type."""
    return json.dumps(value, sort_keys=True) if parameter.kind == "categorical" else value


def decoded(parameter: Parameter, drawn: Any) -> Any:
    """A token of the space."""
    if parameter.kind != "categorical":
        return int(drawn) if parameter.kind == "int" else float(drawn)  # they may be NumPy's
    texts = [encoded(parameter, choice) for choice in parameter.choices]
    return parameter.tokens[texts.index(drawn)]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """KerasTuner calls `threading.currentThread`, and its Gaussian process may not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
