"""What the config of a study means: its space, its base experiment, the config of a trial."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, TrainingExperiment
from artstyle_tf.config.loading import validate, with_values
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.search_space import Parameter, SearchSpace
from artstyle_tf.tuning.settings import TuneExperiment, TuningConfig

# Whatever else is below `data` decides which images there are and where they lie.
_SEARCHABLE = ("data.views", "data.online_augmentation", "data.aspect", "model", "training")
_NOT_SEARCHABLE = ("training.trunk_cache", "training.tensorboard")

# They change nothing below the head.
_ABOVE_ALL_ROWS = ("model.dropout", "model.dimension")
_BOUNDARIES = re.compile(r"training\.phases(\.\d+(\.unfreeze_blocks)?)?$")
_MOST_COMBINATIONS = 64

# Where things are differs between machines that work on one study.
_PLACES_AT_THE_TOP = ("outputs", "run_name")
_PLACES = {
    "data": ("images", "prepared", "split_file", "group_file", "preparation_workers"),
    "model": ("weights",),
    "training": ("trunk_cache", "tensorboard", "mlflow"),
}


def unpack_space(tuning: TuningConfig) -> SearchSpace:
    """Config -> what is searched.

    Raises:
        ArtstyleError: if conditions go round in circles.
    """
    return SearchSpace(
        [
            Parameter(
                key=key,
                kind=entry.type,
                when=entry.when,
                **entry.model_dump(exclude={"type", "when"}),
            )
            for key, entry in tuning.space.items()
        ]
    )


def base_experiment(config: TuneExperiment) -> TrainingExperiment:
    """The experiment without its search, as `train_direct.py` or `train_triplet.py` takes it."""
    content = config.model_dump(mode="json")
    del content["tuning"]
    return validate(TRAINING_EXPERIMENTS[config.kind], content, source="the study's experiment")


def check_space(base: TrainingExperiment, space: SearchSpace) -> None:
    """Refuses keys that are no keys, or whose values could never be.

    Args:
        base: the experiment around which is searched.
        space: to search.

    Raises:
        ArtstyleError: naming the first wrong key.
    """
    for parameter in space.parameters:
        key = parameter.key
        if not _is_below(key, _SEARCHABLE) or _is_below(key, _NOT_SEARCHABLE):
            raise ArtstyleError(
                f"{key} cannot be searched: all trials share their images and places",
                expected="a key of model or training, or data.views, data.aspect, "
                "data.online_augmentation",
                fix=f"give {key} one value, and make a study for each",
            )
        for value in parameter.examples():
            with_values(base, {key: value}, source=f"tuning.space.{key}")


def trial_config(base: TrainingExperiment, values: Mapping[str, Any]) -> TrainingExperiment:
    """The base experiment with the values of a trial.

    Raises:
        ArtstyleError: if they do not go together.
    """
    # Mappings and lists first, so that a key inside of one is set afterwards.
    ordered = dict(sorted(values.items(), key=lambda item: item[0].count(".")))
    return with_values(base, ordered, source="the values of a trial")


def description_of(config: TuneExperiment) -> dict[str, Any]:
    """What makes a study the same: objective, engine and experiment, but no place of a machine."""
    content = config.model_dump(mode="json")
    tuning = content.pop("tuning")
    for name in _PLACES_AT_THE_TOP:
        del content[name]
    for section, keys in _PLACES.items():
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
    """How many values a trial reports at most: epochs, or folds."""
    if tuning.objective.scheme != "validation":
        return tuning.objective.num_folds - 1
    epochs = [
        sum(phase.epochs for phase in config.training.phases)
        for config in _variants(base, space, lambda key: key.startswith("training.phases"))
    ]
    return max([1, *epochs])


def groups_to_fill(base: TrainingExperiment, space: SearchSpace) -> list[list[TrainingExperiment]]:
    """Configs whose rows of the trunk cache cover those of all trials.

    Returns:
        Groups of configs that differ in phases only; none if there are too many combinations.
    """
    below = list(_variants(base, space, _changes_rows))
    groups = [
        list(_variants(config, space, lambda key: _BOUNDARIES.fullmatch(key) is not None))
        for config in below
    ]
    return [group for group in groups if group]


def _changes_rows(key: str) -> bool:
    return _is_below(key, ("data", "model")) and key not in _ABOVE_ALL_ROWS


def _variants(
    base: TrainingExperiment, space: SearchSpace, is_wanted: Any
) -> Iterator[TrainingExperiment]:
    """The base with all combinations of the wanted parameters; nothing if they are too many."""
    wanted = [parameter for parameter in space.parameters if is_wanted(parameter.key)]
    values: list[Sequence[Any]] = [parameter.all_values() or () for parameter in wanted]
    listed = [(p.key, v) for p, v in zip(wanted, values, strict=True) if v]
    if math.prod(len(several) for _, several in listed) > _MOST_COMBINATIONS:
        return
    for combination in itertools.product(*(several for _, several in listed)):
        chosen = dict(zip((key for key, _ in listed), combination, strict=True))
        try:
            yield trial_config(base, chosen)
        except ArtstyleError:
            continue  # a trial with these values will fail, and say why


def _is_below(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)
