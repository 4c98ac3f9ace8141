"""Runs that exist: found by what a user names, with their configs. Nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artstyle_tf.config.experiment import (
    TRAINING_EXPERIMENTS,
    AnalyzeExperiment,
    CompareExperiment,
    TrainingExperiment,
)
from artstyle_tf.config.loading import load_config
from artstyle_tf.config.report import ReportExperiment
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.training.run_directory import RunDirectory, open_run
from artstyle_tf.training.run_files import Metrics, read_values

ANALYSIS_FILE = "analysis.json"
"""What a finished analysis has."""


def find_run(run: str | None, outputs: str | None, *, purpose: str) -> RunDirectory:
    """The run that --run names.

    Raises:
        ArtstyleError: if it names none, with those that there are.
    """
    if run is not None:
        return open_run(Path(run))
    raise ArtstyleError(
        f"Which run should be {purpose}?", expected="--run DIR", fix=how_to_find_a_run(outputs)
    )


def how_to_find_a_run(outputs: str | None) -> str:
    """The advice for a user who has named none."""
    models = Path(outputs or "outputs") / "models"
    known = sorted(file.parent.name for file in models.glob("[!.]*/config.yaml"))
    return f"in {models} there are {', '.join(known)}" if known else "train a model first"


def read_run_config(run_directory: RunDirectory) -> TrainingExperiment:
    """The config of a run of any kind."""
    return load_config(TRAINING_EXPERIMENTS[run_directory.read_kind()], run_directory.config_file)


def free_name(folder: Path, base: str, result: str = "") -> str:
    """The first of `base`, `base-2`, `base-3`, ... that is not in the folder yet.

    Args:
        folder: of all results of this sort.
        base: the name wanted.
        result: a file that only finished ones have; the place of an interrupted one is taken.
    """
    name, number = base, 1
    while (folder / name / result).exists():
        number += 1
        name = f"{base}-{number}"
    return name


def refuse_existing(folder: Path, what: str, result: str = "") -> None:
    """Leaves alone what somebody has made already.

    Args:
        folder: where something is to be made.
        what: this is, e.g. "analysis".
        result: as for `free_name`.

    Raises:
        ArtstyleError: if it is there.
    """
    if (folder / result).exists():
        raise ArtstyleError(f"The {what} {folder} exists already", fix="choose another --run-name")


def read_results(run_directory: RunDirectory) -> dict[str, Any]:
    """metrics.json of a run.

    Raises:
        ArtstyleError: if the run is not finished.
    """
    if not run_directory.metrics_file.is_file():
        raise ArtstyleError(
            f"The run {run_directory.path} is not finished",
            expected=f"a finished run with {run_directory.metrics_file.name}",
            fix="continue it with --resume",
        )
    return read_values(run_directory.metrics_file, Metrics)


def find_reported_runs(config: ReportExperiment) -> list[RunDirectory]:
    """The runs that --runs names, all of them finished, each once.

    Raises:
        ArtstyleError: if one is not, or none is named.
    """
    if not config.runs:
        raise ArtstyleError(
            "Which runs should be reported?",
            expected="--runs DIR DIR ...",
            fix=how_to_find_a_run(config.outputs),
        )
    runs = [open_run(Path(path)) for path in dict.fromkeys(config.runs)]
    for directory in runs:
        read_results(directory)
    return list({directory.path: directory for directory in runs}.values())


def find_compared_folders(config: CompareExperiment) -> list[Path]:
    """The folders that --runs names, each once: of analyses, or of finished runs.

    Raises:
        ArtstyleError: if a folder is neither, or none is named.
    """
    if not config.runs:
        models = Path(config.outputs or "outputs") / "models"
        known = sorted(file.parent.name for file in models.glob("[!.]*/metrics.json"))
        raise ArtstyleError(
            "Which runs should be compared?",
            expected="--runs DIR DIR ..., folders of runs and of analyses",
            fix=f"in {models} there are {', '.join(known)}" if known else "train a model first",
        )
    folders = list(dict.fromkeys(Path(path).resolve() for path in config.runs))
    for folder in folders:
        if not is_analysis(folder):
            _check_finished(open_run(folder))
    return folders


def is_analysis(folder: Path) -> bool:
    """Whether a folder is one of a finished analysis."""
    return (folder / ANALYSIS_FILE).is_file()


def _check_finished(run: RunDirectory) -> None:
    if not run.metrics_file.is_file():
        raise ArtstyleError(
            f"The run {run.path} has no results yet",
            expected="a finished run",
            fix="finish it with --resume, or leave it out",
        )


def find_analyzed_run(config: AnalyzeExperiment) -> RunDirectory | None:
    """The run that is analyzed; None for a bare backbone.

    Raises:
        ArtstyleError: if neither or both are named, or there is no such run.
    """
    if (config.run is None) == (config.backbone is None):
        raise ArtstyleError(
            "Whose features should be analysed?",
            received="neither a run nor a backbone" if config.run is None else "both",
            expected="--run DIR, or --backbone NAME with data.images=DIR",
            fix=how_to_find_a_run(config.outputs),
        )
    return None if config.run is None else open_run(Path(config.run))
