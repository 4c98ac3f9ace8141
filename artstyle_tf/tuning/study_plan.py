"""What the config of a study defines: its space, its base experiment, the config of a trial."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, TrainingExperiment
from artstyle_tf.config.loading import validate, with_values
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuneExperiment, TuningConfig

# The other keys of `data` decide which images there are and where they are stored.
_SEARCHABLE = ("data.views", "data.online_augmentation", "data.aspect", "model", "training")
_NOT_SEARCHABLE = ("training.trunk_cache", "training.tensorboard")

# They change nothing below the head.
_ABOVE_ALL_ROWS = ("model.dropout", "model.dimension")
_BOUNDARIES = re.compile(r"training\.phases(\.\d+(\.unfreeze_blocks)?)?$")
_MOST_COMBINATIONS = 64

# Paths differ between machines that work on one study.
_PATHS_AT_THE_TOP = ("outputs", "run_name")
_PATHS = {
    "data": ("images", "prepared", "split_file", "group_file", "preparation_workers"),
    "model": ("weights",),
    "training": ("trunk_cache", "tensorboard", "mlflow"),
}


def base_experiment(config: TuneExperiment) -> TrainingExperiment:
    """Return the experiment without its search, for `train_direct.py` or `train_triplet.py`."""
    content = config.model_dump(mode="json")
    del content["tuning"]
    return validate(TRAINING_EXPERIMENTS[config.kind], content, source="the study's experiment")


def check_space(base: TrainingExperiment, space: SearchSpace) -> None:
    """Refuse keys that the base experiment lacks, that trials share, or with invalid values.

    Raises:
        ArtstyleError: naming the first wrong key.
    """
    for key, parameter in space.parameters.items():
        if not _is_below(key, _SEARCHABLE) or _is_below(key, _NOT_SEARCHABLE):
            raise ArtstyleError(
                f"{key} cannot be searched: all trials share their images and paths",
                expected="a key of model or training, or data.views, data.aspect, "
                "data.online_augmentation",
                fix=f"set {key} to one value, and run a study for each",
            )
        for value in parameter.examples():
            with_values(base, {key: value}, source=f"tuning.space.{key}")


def trial_config(base: TrainingExperiment, values: Mapping[str, Any]) -> TrainingExperiment:
    """Return the base experiment with the values of a trial.

    Raises:
        ArtstyleError: if they do not go together.
    """
    # Mappings and lists first, so that a key inside of one is set afterwards.
    ordered = dict(sorted(values.items(), key=lambda item: item[0].count(".")))
    return with_values(base, ordered, source="the values of a trial")


def description_of(config: TuneExperiment) -> dict[str, Any]:
    """Return what identifies a study: objective, engine and experiment, but no paths."""
    content = config.model_dump(mode="json")
    tuning = content.pop("tuning")
    for name in _PATHS_AT_THE_TOP:
        del content[name]
    for section, keys in _PATHS.items():
        content[section] = {k: v for k, v in content[section].items() if k not in keys}
    flat = {
        f"{section}.{key}": value
        for section, entries in content.items()
        if isinstance(entries, dict)
        for key, value in entries.items()
    }
    flat |= {name: value for name, value in content.items() if not isinstance(value, dict)}
    return {
        **flat,
        "tuning.objective": tuning["objective"],
        "tuning.engine": tuning["engine"],
    }


def num_steps(base: TrainingExperiment, space: SearchSpace, tuning: TuningConfig) -> int:
    """Return how many values a trial reports at most: epochs, or folds."""
    if tuning.objective.scheme != "validation":
        return tuning.objective.num_folds - 1
    epochs = [
        sum(phase.epochs for phase in config.training.phases)
        for config in _variants(base, space, lambda key: key.startswith("training.phases"))
    ]
    return max([1, *epochs])


def groups_to_fill(base: TrainingExperiment, space: SearchSpace) -> list[list[TrainingExperiment]]:
    """Return configs whose cached activations cover those of all trials.

    Returns:
        Groups of configs that differ in phases only; none if there are too many combinations.
    """

    def changes_activations(key: str) -> bool:
        return _is_below(key, ("data", "model")) and key not in _ABOVE_ALL_ROWS

    groups = [
        list(_variants(config, space, lambda key: _BOUNDARIES.fullmatch(key) is not None))
        for config in _variants(base, space, changes_activations)
    ]
    return [group for group in groups if group]


def _variants(
    base: TrainingExperiment, space: SearchSpace, includes: Callable[[str], bool]
) -> Iterator[TrainingExperiment]:
    """Yield the base with all combinations of some parameters; nothing if they are too many."""
    listed = {
        key: values
        for key, parameter in space.parameters.items()
        if includes(key) and (values := parameter.all_values()) is not None
    }
    if math.prod(map(len, listed.values())) > _MOST_COMBINATIONS:
        return
    for combination in itertools.product(*listed.values()):
        try:
            yield trial_config(base, dict(zip(listed, combination, strict=True)))
        except ArtstyleError:
            continue  # a trial with these values will fail with this error


def _is_below(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)
