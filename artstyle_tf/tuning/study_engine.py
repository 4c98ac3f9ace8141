"""The study of the configured engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.tuning.keras_tuner_search import KerasTunerStudy
from artstyle_tf.tuning.optuna_conversion import check_sampler
from artstyle_tf.tuning.optuna_storage import check_address, open_storage, with_driver
from artstyle_tf.tuning.optuna_study import OptunaStudy
from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuneExperiment, TuningConfig
from artstyle_tf.tuning.study import Study
from artstyle_tf.tuning.study_folder import StudyFolder
from artstyle_tf.tuning.study_plan import num_steps, trial_config


def check_engine(tuning: TuningConfig) -> None:
    """Check for packages whose absence would show only after the first trials.

    Raises:
        ArtstyleError: with the package to install.
    """
    if tuning.engine == "keras_tuner":
        return
    check_sampler(tuning.sampler.name)
    if tuning.storage is not None:
        check_address(tuning.storage)
        with_driver(tuning.storage)


def open_study(
    config: TuneExperiment,
    base: TrainingExperiment,
    space: SearchSpace,
    folder: StudyFolder,
    *,
    basis: Mapping[str, Any],
    reporter: Reporter = SILENT,
) -> Study:
    """Start a study, resume it, or join other processes that work on it.

    Args:
        config: of the study.
        base: the experiment without its search.
        space: to search.
        folder: of the study.
        basis: description of the study, without its space.
        reporter: reports which command is waited for.

    Raises:
        ArtstyleError: if it was started with another space or experiment, or cannot be opened.
    """
    tuning = config.tuning
    recipes = Recipes(
        space,
        lambda values: trial_config(base, values).model_dump(mode="json"),
        num_trials=tuning.num_trials,
    )
    common: dict[str, Any] = {"basis": basis, "seed": config.seed, "recipes": recipes}
    if tuning.engine == "keras_tuner":
        return KerasTunerStudy(folder.keras_tuner_file, space, tuning, **common)
    storage = open_storage(
        tuning.storage,
        folder.database,
        heartbeat_seconds=tuning.heartbeat_seconds,
        retries=tuning.retries,
        reporter=reporter,
    )
    steps = num_steps(base, space, tuning)
    return OptunaStudy(folder.name, storage, space, tuning, most_steps=steps, **common)
