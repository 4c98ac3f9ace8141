"""What --overwrite replaces: only runs of this program, and only once there is something better.

The earlier run is renamed, not removed. It goes when the new one is finished, and comes back if the
new one fails before it has anything to continue from.
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
    """Checks that a folder may be replaced by a new run. Writes nothing.

    Args:
        folder: of the run.
        figures: of the run.
        outputs: the outputs folder, in which both have to lie.
        kind: of the new run.

    Raises:
        ArtstyleError: if it is no run of this program, a run of another kind, or lies elsewhere.
    """
    for place in (folder, figures):
        _check_place(place, outputs)
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
    """Renames what an earlier run has left. `check_replaceable` has allowed it.

    A run that never got finished is removed if an earlier one has stepped aside for it already.

    Raises:
        ArtstyleError: if a program is making the run at the moment.
        OSError: if something cannot be renamed or removed.
    """
    with alone_in_run(folder, may_go=True):
        if is_just_begun(folder):
            return
        if is_aside(folder) and read_state(folder) != "finished":
            _remove(folder)
            _remove(figures)
            return
        for place in (folder, figures):
            _remove(_aside(place))
            if place.is_dir():
                place.rename(_aside(place))


def forget(folder: Path, figures: Path) -> None:
    """Removes the earlier run, if there is one: the new one is finished."""
    for place in (folder, figures):
        _remove(_aside(place))


def put_back(folder: Path, figures: Path) -> None:
    """Removes the new run and brings the earlier one back, if there is one.

    Raises:
        OSError: if something cannot be renamed or removed.
    """
    if not is_aside(folder):
        return
    for place in (folder, figures):
        _remove(place)
        if _aside(place).is_dir():
            _aside(place).rename(place)


def is_aside(folder: Path) -> bool:
    """Whether an earlier run has stepped aside for the one in this folder."""
    return _aside(folder).is_dir() and not _aside(folder).is_symlink()


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.replaced")


def _remove(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)


def _check_place(place: Path, outputs: Path) -> None:
    if place.is_symlink():
        raise ArtstyleError(
            f"{place} is a link, so it is not overwritten",
            received=f"a link to {place.readlink()}",
            fix="choose another --run-name, or remove the link yourself",
        )
    if place.exists() and not place.is_dir():
        raise ArtstyleError(
            f"{place} is no folder, so it is not overwritten",
            fix="choose another --run-name, or move it away yourself",
        )
    if place.exists() and outputs.resolve() not in place.resolve().parents:
        raise ArtstyleError(
            f"{place} lies outside of {outputs}, so it is not overwritten",
            received=str(place.resolve()),
            fix="choose another --run-name, or name the folder itself with --outputs",
        )
