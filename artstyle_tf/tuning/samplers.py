"""Samplers and pruners of Optuna by name; what is missing is said before the first trial."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.settings import PrunerName, SamplerName

if TYPE_CHECKING:  # Optuna is imported late
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

_PACKAGE_OF = {"cmaes": "cmaes", "gp": "torch"}


def check_sampler(name: str) -> None:
    """Refuses a sampler whose package is missing: Optuna would say so after the first trials.

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


def build_sampler(name: SamplerName, *, seed: int, startup_trials: int) -> BaseSampler:
    """A seeded sampler.

    Args:
        name: of the sampler.
        seed: of all that it draws.
        startup_trials: drawn at random before it begins to learn.

    Source of the default: Bergstra et al. 2011 (tree-structured Parzen estimators).
    """
    from optuna import samplers
    from optuna.exceptions import ExperimentalWarning

    check_sampler(name)
    build: dict[str, Callable[[], BaseSampler]] = {
        # With several workers, trials that are being made count as bad ones, or all would try
        # the same place. Parameters are drawn together, because learning rate and batch size
        # depend on each other; conditions make groups.
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
        return build[name]()


def build_pruner(
    name: PrunerName, *, most_steps: int, startup_trials: int, warmup_steps: int
) -> BasePruner:
    """A pruner.

    Args:
        name: of the pruner.
        most_steps: that a trial reports at most.
        startup_trials: of `median`: trials that are made to their end first.
        warmup_steps: of `median`: steps of each trial that are never its last.

    Source: Golovin et al. 2017 (median); Li et al. 2018, arXiv:1810.05934 (halving, asynchronous);
    Li et al. 2018, arXiv:1603.06560 (hyperband).
    """
    from optuna import pruners

    build: dict[str, Callable[[], BasePruner]] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(
            n_startup_trials=startup_trials, n_warmup_steps=warmup_steps
        ),
        "halving": lambda: pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "hyperband": lambda: pruners.HyperbandPruner(
            min_resource=1, max_resource=most_steps, reduction_factor=3
        ),
    }
    return build[name]()
