"""Collect the contents of a model card from a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment, TripletExperiment
from artstyle_tf.export.model_card import ModelFacts
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_files import CrossValidation, Environment, read_values
from artstyle_tf.runs.run_finding import read_results, read_run_config
from artstyle_tf.system.errors import ArtstyleError


def collect_model_facts(run_directory: RunDirectory, config: ExportExperiment) -> ModelFacts:
    """Read the contents of a run's model card.

    Raises:
        ArtstyleError: if the run is not finished, or the folder holds no cross-validation of its
            kind.
    """
    trained = read_run_config(run_directory)
    class_names = run_directory.read_class_names()
    return ModelFacts(
        name=run_directory.path.name,
        is_embedding=isinstance(trained, TripletExperiment),
        class_names=class_names,
        architecture=f"{trained.model.backbone}, {trained.model.head} head",
        image_size_px=trained.model.image_size_px,
        images=_count_images(run_directory, class_names),
        results=read_results(run_directory),
        cross_validation=_read_cross_validation(config.cross_validation, trained),
        environment=read_values(run_directory.environment_file, Environment),
        license=config.license,
    )


def _count_images(run_directory: RunDirectory, class_names: tuple[str, ...]) -> pd.DataFrame:
    rows = run_directory.read_images()
    rows = rows[rows["parent"] == ""]
    counts = pd.crosstab(rows["label"], rows["split"])
    splits = [split for split in ("train", "val", "test") if split in counts]
    return counts.reindex(index=list(class_names), fill_value=0)[splits]


def _read_cross_validation(
    folder: str | None, trained: TrainingExperiment
) -> dict[str, Any] | None:
    if folder is None:
        return None
    file = Path(folder) / "metrics.json"
    if not file.is_file():
        raise ArtstyleError(
            f"{folder} holds no finished cross-validation",
            received=f"no {file}",
            expected="a folder written by cross_validate.py",
        )
    found = read_values(file, CrossValidation)
    if found.get("kind") != trained.kind:
        raise ArtstyleError(
            f"The cross-validation {folder} is of another kind than the run",
            received=f"kind: {found.get('kind')}",
            expected=f"kind: {trained.kind}",
        )
    return found
