"""Replace an earlier run for --overwrite, but only runs of this program.

The earlier run is renamed first. It is removed when the new one is finished, and restored if the
new one fails before it can be resumed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from artstyle_tf.runs.run_state import (
    KNOWN_STATES,
    alone_in_run,
    is_just_begun,
    read_notes,
    read_state,
)
from artstyle_tf.system.errors import ArtstyleError

_MOST_NAMES_SHOWN = 3


def check_replaceable(folder: Path, figures: Path, *, outputs: Path, kind: str) -> None:
    """Check that a new run may replace a folder. Writes nothing.

    Args:
        folder: of the run.
        figures: of the run.
        outputs: the outputs folder, which must contain both.
        kind: of the new run.

    Raises:
        ArtstyleError: if it is no run of this program, a run of another kind, or lies elsewhere.
    """
    for path in (folder, figures):
        _check_path(path, outputs)
    if not folder.is_dir() or is_just_begun(folder):
        return
    notes = read_notes(folder)
    if notes.get("state") not in KNOWN_STATES:
        names = sorted(entry.name for entry in folder.iterdir())
        shown = ", ".join(names[:_MOST_NAMES_SHOWN])
        raise ArtstyleError(
            f"{folder} is no run of this program, so it is not overwritten",
            received=f"a folder with {shown}" + (", ..." if len(names) > _MOST_NAMES_SHOWN else ""),
            expected="a folder with the run.json of an earlier run",
            fix="choose another --run-name, or move the folder away yourself",
        )
    if (earlier := notes.get("kind", kind)) != kind:
        raise ArtstyleError(
            f"{folder} is a run of another kind, so it is not overwritten",
            received=str(earlier),
            expected=kind,
            fix="choose another --run-name, or remove the folder yourself",
        )


def step_aside(folder: Path, figures: Path) -> None:
    """Rename an earlier run, which `check_replaceable` has accepted.

    An unfinished run is removed instead if an even earlier one was already renamed for it.

    Raises:
        ArtstyleError: if a program is training the run at the moment.
        OSError: if something cannot be renamed or removed.
    """
    with alone_in_run(folder, may_go=True):
        if is_just_begun(folder):
            return
        if is_aside(folder) and read_state(folder) != "finished":
            _remove(folder)
            _remove(figures)
            return
        for path in (folder, figures):
            _remove(_aside(path))
            if path.is_dir():
                path.rename(_aside(path))


def forget(folder: Path, figures: Path) -> None:
    """Remove the earlier run, if there is one, because the new one is finished."""
    for path in (folder, figures):
        _remove(_aside(path))


def put_back(folder: Path, figures: Path) -> None:
    """Remove the new run and restore the earlier one, if there is one.

    Raises:
        OSError: if something cannot be renamed or removed.
    """
    if not is_aside(folder):
        return
    for path in (folder, figures):
        _remove(path)
        if _aside(path).is_dir():
            _aside(path).rename(path)


def is_aside(folder: Path) -> bool:
    """Return whether an earlier run was renamed for the one in this folder."""
    return _aside(folder).is_dir() and not _aside(folder).is_symlink()


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.replaced")


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def _check_path(path: Path, outputs: Path) -> None:
    if path.is_symlink():
        raise ArtstyleError(
            f"{path} is a link, so it is not overwritten",
            received=f"a link to {path.readlink()}",
            fix="choose another --run-name, or remove the link yourself",
        )
    if path.exists() and not path.is_dir():
        raise ArtstyleError(
            f"{path} is no folder, so it is not overwritten",
            fix="choose another --run-name, or move it away yourself",
        )
    if path.exists() and outputs.resolve() not in path.resolve().parents:
        raise ArtstyleError(
            f"{path} lies outside of {outputs}, so it is not overwritten",
            received=str(path.resolve()),
            fix="choose another --run-name, or name the folder itself with --outputs",
        )
