"""Find existing runs by what a user names, with their configs; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, TrainingExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_files import Metrics, read_values
from artstyle_tf.system.errors import ArtstyleError


def find_run(run: str | None, outputs: str | None, *, purpose: str) -> RunDirectory:
    """Return the run that --run names.

    Raises:
        ArtstyleError: if it names none; the message lists the existing runs.
    """
    if run is not None:
        return open_run(Path(run))
    raise ArtstyleError(
        f"Which run should be {purpose}?", expected="--run DIR", fix=how_to_find_a_run(outputs)
    )


def how_to_find_a_run(outputs: str | None) -> str:
    """Return advice for a user who has named no run."""
    models = Path(outputs or "outputs") / "models"
    known = sorted(file.parent.name for file in models.glob("[!.]*/config.yaml"))
    return f"in {models} there are {', '.join(known)}" if known else "train a model first"


def read_run_config(run_directory: RunDirectory) -> TrainingExperiment:
    """Read the config of a run of any kind."""
    return load_config(TRAINING_EXPERIMENTS[run_directory.read_kind()], run_directory.config_file)


def free_name(folder: Path, base: str, result: str = "") -> str:
    """Return the first of `base`, `base-2`, `base-3`, ... that is not in the folder yet.

    Two programs may start in the same second, and the clock may go back.

    Args:
        folder: of all results of this sort.
        base: the preferred name.
        result: a file that only finished results have; names of interrupted ones are free.
    """
    name, number = base, 1
    while (folder / name / result).exists():
        number += 1
        name = f"{base}-{number}"
    return name


def refuse_existing(folder: Path, what: str, result: str = "") -> None:
    """Raise ArtstyleError if a result exists already.

    Args:
        folder: of the result.
        what: kind of the result, e.g. "analysis".
        result: as for `free_name`.
    """
    if (folder / result).exists():
        raise ArtstyleError(f"The {what} {folder} exists already", fix="choose another --run-name")


def read_results(run_directory: RunDirectory) -> dict[str, Any]:
    """Read metrics.json of a run.

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
