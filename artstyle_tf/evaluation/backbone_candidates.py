"""The candidates of a comparison of backbones: their names, trainings and folders."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import flatten
from artstyle_tf.config.yaml_files import read_value
from artstyle_tf.evaluation.settings import CompareBackbonesExperiment
from artstyle_tf.models.backbone_registry import weights_license
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.shell_commands import shell_command
from artstyle_tf.training.settings import DirectTrainingConfig
from artstyle_tf.trunk_cache.cache_folder import trunk_cache_folder
from artstyle_tf.trunk_cache.settings import TrunkCacheConfig

_LONGEST_NAME_OF_WEIGHTS = 40


@dataclass(frozen=True)
class Candidate:
    """A frozen network of a comparison.

    Attributes:
        name: for people and for its folder; different for all candidates.
        experiment: its training, without phases.
    """

    name: str
    experiment: DirectExperiment

    @property
    def model(self) -> ModelConfig:
        """Backbone, weights, image size and head."""
        return self.experiment.model

    @property
    def license(self) -> str:
        """License of its weights."""
        return weights_license(self.model.backbone, self.model.weights)

    @property
    def run_directory(self) -> RunDirectory:
        """Folders of its cross-validation, inside those of the comparison."""
        below = Path("cross_validation", self.name)
        outputs = Path(self.experiment.outputs)
        return RunDirectory(outputs / below, outputs / "figs" / below)


def candidates_of(config: CompareBackbonesExperiment, folder: Path) -> list[Candidate]:
    """Return the candidates in the order of the config.

    Args:
        config: of the comparison.
        folder: of the comparison, below which the results of each candidate go.
    """
    training, cache = config.training, config.training.trunk_cache
    cache_folder = trunk_cache_folder(config.outputs, cache.folder)
    names = names_of(config.candidates)
    return [
        Candidate(
            name,
            DirectExperiment(
                seed=config.seed,
                outputs=str(folder),
                run_name=name,
                data=config.data,
                model=model,
                training=DirectTrainingConfig(
                    batch_size=training.batch_size,
                    linear_probe=training.linear_probe,
                    trunk_cache=TrunkCacheConfig(
                        **cache.model_dump(exclude={"folder"}), folder=str(cache_folder)
                    ),
                    tensorboard=False,
                ),
                cross_validation=config.cross_validation,
                report=False,
            ),
        )
        for name, model in zip(names, config.candidates, strict=True)
    ]


def names_of(models: Sequence[ModelConfig]) -> list[str]:
    """Return short names, such as efficientnet_b0-320px, that are all different.

    Head and weights are part of a name only where backbone and size are not enough. Capitals do
    not count, because some file systems do not distinguish them.
    """
    names = [f"{_backbone_word(model)}-{model.image_size_px}px" for model in models]
    for parts in ([model.head for model in models], [_weights_word(each) for each in models]):
        variants = {(name.casefold(), part) for name, part in zip(names, parts, strict=True)}
        counts = Counter(name for name, _ in variants)
        names = [
            f"{name}-{part}" if counts[name.casefold()] > 1 else name
            for name, part in zip(names, parts, strict=True)
        ]
    taken: set[str] = set()
    for position, name in enumerate(names):
        number = 1
        while names[position].casefold() in taken:
            number += 1
            names[position] = f"{name}-{number}"
        taken.add(names[position].casefold())
    return names


def _backbone_word(model: ModelConfig) -> str:
    """Return the name of the backbone; of a preset the last part, without what folders forbid."""
    return re.sub(r"[^\w.-]+", "-", model.backbone.replace("\\", "/").rstrip("/").split("/")[-1])


def _weights_word(model: ModelConfig) -> str:
    if model.weights is None:
        return "random"
    word = re.sub(r"[^\w.-]+", "-", Path(model.weights).name.partition(".")[0]).strip("-.")
    return word[:_LONGEST_NAME_OF_WEIGHTS] or "file"


def settings_line(model: ModelConfig) -> str:
    """Return the overrides that choose this network in every verb, quoted for a shell."""
    defaults = flatten(ModelConfig().model_dump(mode="json"))
    words = []
    for key, value in flatten(model.model_dump(mode="json")).items():
        if key in ("backbone", "image_size_px") or value != defaults[key]:
            is_plain = isinstance(value, str) and _reads_as_itself(value)
            words.append(f"model.{key}={value if is_plain else json.dumps(value)}")
    return shell_command(*words)


def _reads_as_itself(text: str) -> bool:
    try:
        return read_value(text) == text
    except ValueError:
        return False
