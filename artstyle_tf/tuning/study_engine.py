"""The engine that a config asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.tuning.keras_tuner_search import KerasTunerStudy
from artstyle_tf.tuning.optuna_storage import open_storage, with_driver
from artstyle_tf.tuning.optuna_study import OptunaStudy
from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.samplers import check_sampler
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuneExperiment, TuningConfig
from artstyle_tf.tuning.storage_faults import check_address
from artstyle_tf.tuning.study import Study
from artstyle_tf.tuning.study_folder import StudyFolder
from artstyle_tf.tuning.study_plan import num_steps, trial_config


def check_engine(tuning: TuningConfig) -> None:
    """Asks for packages now that would be missed after the first trials.

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
    place: StudyFolder,
    *,
    basis: Mapping[str, Any],
    reporter: Reporter = SILENT,
) -> Study:
    """Begins a study, continues it, or joins those who work on it.

    Args:
        config: of the study.
        base: the experiment around which is searched.
        space: to search.
        place: of the study.
        basis: what the study is about beside its space.
        reporter: told whom one waits for.

    Raises:
        ArtstyleError: if it was begun with another space or experiment, or cannot be opened.
    """
    tuning = config.tuning
    recipes = Recipes(
        space,
        lambda values: trial_config(base, values).model_dump(mode="json"),
        num_trials=tuning.num_trials,
    )
    if tuning.engine == "keras_tuner":
        return KerasTunerStudy(
            place.keras_tuner_file,
            space,
            tuning,
            basis=basis,
            seed=config.seed,
            recipes=recipes,
        )
    storage = open_storage(
        tuning.storage,
        place.database,
        heartbeat_seconds=tuning.heartbeat_seconds,
        retries=tuning.retries,
        reporter=reporter,
    )
    return OptunaStudy(
        place.name,
        storage,
        space,
        tuning,
        basis=basis,
        seed=config.seed,
        most_steps=num_steps(base, space, tuning),
        recipes=recipes,
    )
