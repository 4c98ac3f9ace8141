"""State of a run in run.json, its lock, and its replacement by --overwrite.

--overwrite replaces only runs of this program. The earlier run is renamed first. It is removed when
the new one is finished, and restored if the new one fails before it can be resumed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import (
    cannot_write,
    must_stay,
    read_json_if_whole,
    remove_leftovers,
    write_json,
)
from artstyle_tf.system.locks import LOCK_FILE, LOCK_FILES, held, is_held

STATE_FILE = "run.json"
KNOWN_STATES = frozenset({"running", "finished", "interrupted", "failed"})

_FIRST_FILES = LOCK_FILES | {STATE_FILE}
_MOST_NAMES_SHOWN = 3


@contextmanager
def locked_run(folder: Path, *, may_be_removed: bool = False) -> Iterator[None]:
    """Lock the folder of a run, which exists, while the body runs.

    Args:
        folder: of the run.
        may_be_removed: whether the body may rename or remove it.

    Raises:
        ArtstyleError: if another program holds the lock, or it cannot be written.
    """

    def refuse(holder: str) -> None:
        raise ArtstyleError(
            f"Another program is training the run {folder}",
            received=holder,
            fix="wait until it has ended, or choose another --run-name",
        )

    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder / LOCK_FILE, busy=refuse))
            remove_leftovers(folder)
        except OSError as error:
            raise cannot_write(folder, error) from error
        if not may_be_removed:
            lock = folder / LOCK_FILE
            stack.enter_context(must_stay(folder, lock if lock.is_file() else folder))
        yield


@contextmanager
def recorded_state(folder: Path, kind: str | None = None) -> Iterator[None]:
    """Write that the run is running, its kind, and how the body ends."""
    _write_state(folder, "running", {} if kind is None else {"kind": kind})
    try:
        yield
    except KeyboardInterrupt:
        _write_end(folder, "interrupted")
        raise
    except BaseException:
        _write_end(folder, "failed")
        raise
    _write_state(folder, "finished")


def read_state(folder: Path) -> str | None:
    """Return running, finished, interrupted or failed; None if the folder is no run.

    A run whose program was killed could not write its end: it is interrupted.
    """
    state = read_run_json(folder).get("state")
    if state == "running" and not is_held(folder / LOCK_FILE):
        return "interrupted"
    return state


def is_just_begun(folder: Path) -> bool:
    """Return whether a program was killed here before it wrote anything of the run."""
    return folder.is_dir() and all(
        entry.name in _FIRST_FILES or ".partial" in entry.name for entry in folder.iterdir()
    )


def read_run_json(folder: Path) -> dict[str, Any]:
    """Return run.json: state, kind, started, changed; empty if there is none."""
    return read_json_if_whole(folder / STATE_FILE) or {}


def _write_end(folder: Path, state: str) -> None:
    with suppress(ArtstyleError):  # the disk is full, which is being reported anyway
        _write_state(folder, state)


def _write_state(folder: Path, state: str, more: Mapping[str, str] | None = None) -> None:
    known, now = read_run_json(folder), datetime.now().astimezone().isoformat(timespec="seconds")
    changes = {"state": state, "started": known.get("started", now), "changed": now}
    write_json(folder / STATE_FILE, {**known, **(more or {}), **changes})


def check_replaceable(folder: Path, figures: Path, *, outputs: Path, kind: str) -> None:
    """Check that a new run of a kind may replace folder and figures inside `outputs`.

    Raises:
        ArtstyleError: if it is no run of this program, a run of another kind, or lies elsewhere.
    """
    for path in (folder, figures):
        _check_path(path, outputs)
    if not folder.is_dir() or is_just_begun(folder):
        return
    found = read_run_json(folder)
    if found.get("state") not in KNOWN_STATES:
        names = sorted(entry.name for entry in folder.iterdir())
        shown = ", ".join(names[:_MOST_NAMES_SHOWN])
        raise ArtstyleError(
            f"{folder} is no run of this program, so it is not overwritten",
            received=f"a folder with {shown}" + (", ..." if len(names) > _MOST_NAMES_SHOWN else ""),
            expected="a folder with the run.json of an earlier run",
            fix="choose another --run-name, or move the folder away yourself",
        )
    if (earlier := found.get("kind", kind)) != kind:
        raise ArtstyleError(
            f"{folder} is a run of another kind, so it is not overwritten",
            received=str(earlier),
            expected=kind,
            fix="choose another --run-name, or remove the folder yourself",
        )


def rename_earlier(folder: Path, figures: Path) -> None:
    """Rename an earlier run, which `check_replaceable` has accepted.

    An unfinished run is removed instead if an even earlier one was already renamed for it.

    Raises:
        ArtstyleError: if a program is training the run at the moment.
        OSError: if something cannot be renamed or removed.
    """
    with locked_run(folder, may_be_removed=True):
        if is_just_begun(folder):
            return
        if has_earlier(folder) and read_state(folder) != "finished":
            _remove(folder)
            _remove(figures)
            return
        for path in (folder, figures):
            _remove(_earlier(path))
            if path.is_dir():
                path.rename(_earlier(path))


def remove_earlier(folder: Path, figures: Path) -> None:
    """Remove the earlier run, if there is one, because the new one is finished."""
    for path in (folder, figures):
        _remove(_earlier(path))


def restore_earlier(folder: Path, figures: Path) -> None:
    """Remove the new run and restore the earlier one, if there is one.

    Raises:
        OSError: if something cannot be renamed or removed.
    """
    if not has_earlier(folder):
        return
    for path in (folder, figures):
        _remove(path)
        if _earlier(path).is_dir():
            _earlier(path).rename(path)


def has_earlier(folder: Path) -> bool:
    """Return whether an earlier run was renamed for the one in this folder."""
    return _earlier(folder).is_dir() and not _earlier(folder).is_symlink()


def _earlier(path: Path) -> Path:
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
