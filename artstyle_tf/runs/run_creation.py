"""Where a new run goes, and the beginning of its folders."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

from artstyle_tf.runs import replaced_run
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_state import is_just_begun
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write


def plan_run_directory(
    outputs: Path,
    name: str | None,
    *,
    kind: str,
    resume: bool,
    overwrite: bool,
    folder: str = "models",
) -> RunDirectory:
    """Chooses the directory of a new run, or finds that of an interrupted one. Writes nothing.

    Args:
        outputs: the outputs folder.
        name: of the run; None for `<kind>-<date>-<time>`.
        kind: of the run, e.g. "direct".
        resume: the run has to exist and to be unfinished.
        overwrite: the run may exist.
        folder: of the outputs, for runs of this sort.

    Returns:
        Its paths.

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
    # Runs of different sorts may have one name, and --overwrite must not take the other's figures.
    sort = [] if folder == "models" else [folder]
    run = RunDirectory(
        outputs / folder / name, Path(outputs, "figs", *sort, name), is_nameless, kind
    )
    # A run that was interrupted before its first epoch has nothing to resume from, and starts anew.
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
        replaced_run.check_replaceable(run.path, run.figures, outputs=outputs, kind=kind)
    return run


def create_run_directory(run: RunDirectory, *, overwrite: bool) -> RunDirectory:
    """Creates the folders.

    Returns:
        The run; under another name if it is nameless and another program has just taken its.

    Raises:
        ArtstyleError: if they cannot be created, another process has just done so, or a run that
            is to be overwritten is still being made.
    """
    try:
        if overwrite and run.path.is_dir():
            replaced_run.step_aside(run.path, run.figures)
        if overwrite:  # an empty folder that is left of an earlier try is as good as a new one
            run.path.mkdir(parents=True, exist_ok=True)
        else:
            path = new_folder(run.path, may_be_renamed=run.has_chosen_name)
            run = dataclasses.replace(run, path=path, figures=run.figures.with_name(path.name))
        run.figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(run.path, error) from error
    return run


def free_name(folder: Path, base: str) -> str:
    """The name, or the name with a number, that nothing in the folder has.

    It is taken also when two programs begin in one second, or the clock goes back.
    """
    name, number = base, 1
    while (folder / name).exists():
        number += 1
        name = f"{base}-{number}"
    return name


def new_folder(path: Path, *, may_be_renamed: bool) -> Path:
    """Creates a folder, and the folders above it.

    Args:
        path: of the folder.
        may_be_renamed: whether a number is added if another program has just made such a folder.

    Returns:
        Its path.

    Raises:
        OSError: if it cannot be created.
    """
    made = path
    while True:
        try:
            made.mkdir(parents=True, exist_ok=False)
            return made
        except FileExistsError:
            if not may_be_renamed:
                raise
            made = path.with_name(free_name(path.parent, path.name))
