"""Choose and create the directory of a new run; imports nothing heavy."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import different_keys, load_config
from artstyle_tf.runs.optional_packages import check_mlflow, check_tensorboard
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import free_name
from artstyle_tf.runs.run_state import check_replaceable, is_just_begun, rename_earlier
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, check_can_write
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.shell_commands import shell_command

# Keys that may change when a run is resumed: paths, and what is written at the end.
_MAY_DIFFER = {
    "run_name",
    "outputs",
    "report",
    "training.tensorboard",
    "training.mlflow",
}


def plan_run(
    config: TrainingExperiment,
    invocation: Invocation,
    *,
    sort: str = "",
    folder: str = "models",
) -> RunDirectory:
    """Find the directory of the run; a resumed run needs the same config.

    Args:
        config: of the run.
        invocation: how the program was called.
        sort: suffix of the kind of training in the name of an unnamed run.
        folder: of the outputs, for runs of this sort.

    Raises:
        ArtstyleError: if the run exists already, cannot be resumed, or cannot be written.
    """
    if config.training.tensorboard is True:
        check_tensorboard()
    if config.training.mlflow is not None:
        check_mlflow()
    run_directory = plan_run_directory(
        Path(config.outputs),
        config.run_name,
        kind=config.kind + sort,
        resume=invocation.resume,
        overwrite=invocation.overwrite,
        folder=folder,
    )
    if invocation.resume:
        check_same_config(config, run_directory)
    check_can_write(run_directory.path)
    return run_directory


def plan_folds(config: TrainingExperiment, invocation: Invocation) -> RunDirectory:
    """Find the directory of a cross-validation, as `plan_run` does."""
    return plan_run(config, invocation, sort="-folds", folder="cross_validation")


def check_same_config(config: Schema, run_directory: RunDirectory) -> None:
    """Check that a run was started with this config, apart from keys that may change.

    Raises:
        ArtstyleError: naming the keys with other values.
    """
    if not run_directory.config_file.is_file():
        return  # killed before it had written anything: it starts again
    started = load_config(type(config), run_directory.config_file)
    changed = different_keys(started, config, ignore=_MAY_DIFFER)
    if changed:
        continuing = shell_command("--config", run_directory.config_file)
        raise ArtstyleError(
            f"The run {run_directory.path} was started with another configuration",
            received=f"other values for {', '.join(changed)}",
            fix=f"continue it with {continuing}, or start a new run",
        )


def plan_run_directory(
    outputs: Path,
    name: str | None,
    *,
    kind: str,
    resume: bool,
    overwrite: bool,
    folder: str = "models",
) -> RunDirectory:
    """Choose the directory of a new run, or find that of an interrupted one. Writes nothing.

    Args:
        outputs: the outputs folder.
        name: of the run; None for `<kind>-<date>-<time>`.
        kind: of the run, e.g. "direct".
        resume: the run must exist and be unfinished.
        overwrite: the run may exist.
        folder: of the outputs, for runs of this sort.

    Raises:
        ArtstyleError: if an earlier run would be overwritten, or there is nothing to resume.
    """
    if resume and name is None:
        raise ArtstyleError(
            "--resume needs the name of the run to continue",
            fix=f"add --run-name NAME; the runs are the folders in {outputs / folder}",
        )
    is_nameless = name is None
    name = name or free_name(outputs / folder, f"{kind}-{datetime.now():%Y%m%d-%H%M%S}")
    # Runs of different sorts may share a name, and --overwrite must not remove the other's figures.
    sort = [] if folder == "models" else [folder]
    run = RunDirectory(
        outputs / folder / name, Path(outputs, "figs", *sort, name), is_nameless, kind
    )
    # A run that was interrupted before its first epoch has nothing to resume from and starts again.
    finished = run.metrics_file.is_file() and not run.resume_file.is_file()
    if resume and (finished or not (run.config_file.is_file() or is_just_begun(run.path))):
        raise ArtstyleError(
            f"The run {run.path} is finished" if finished else f"There is no run {run.path}",
            expected="an interrupted run",
            fix="leave --resume out" + (" and choose another --run-name" if finished else ""),
        )
    if run.path.exists() and not resume and not overwrite:
        raise ArtstyleError(
            f"The run {run.path} exists already",
            fix="choose another --run-name, continue it with --resume, or replace it with "
            "--overwrite",
        )
    if overwrite:
        check_replaceable(run.path, run.figures, outputs=outputs, kind=kind)
    return run


def create_run_directory(run: RunDirectory, *, overwrite: bool) -> RunDirectory:
    """Create the folders.

    Returns:
        The run; with another name if it is unnamed and another program has just taken its name.

    Raises:
        ArtstyleError: if they cannot be created, another process has just done so, or a run to be
            overwritten is still being trained.
    """
    try:
        if overwrite and run.path.is_dir():
            rename_earlier(run.path, run.figures)
        if overwrite:  # an empty folder of an earlier attempt is as good as a new one
            run.path.mkdir(parents=True, exist_ok=True)
        else:
            path = new_folder(run.path, may_be_renamed=run.has_chosen_name)
            run = dataclasses.replace(run, path=path, figures=run.figures.with_name(path.name))
        run.figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(run.path, error) from error
    return run


def new_folder(path: Path, *, may_be_renamed: bool) -> Path:
    """Create a folder with its parents and return its path.

    Args:
        path: of the folder.
        may_be_renamed: whether to add a number if another program has just created such a folder.

    Raises:
        OSError: if it cannot be created.
    """
    created = path
    while True:
        try:
            created.mkdir(parents=True, exist_ok=False)
            return created
        except FileExistsError:
            if not may_be_renamed:
                raise
            created = path.with_name(free_name(path.parent, path.name))
