"""State of a run in run.json (running, finished, interrupted, failed), and its lock."""

from __future__ import annotations

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


@contextmanager
def alone_in_run(folder: Path, *, may_go: bool = False) -> Iterator[None]:
    """Lock the folder of a run, which exists, while the body runs.

    Args:
        folder: of the run.
        may_go: whether the body may rename or remove the folder.

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
        if not may_go:
            lock = folder / LOCK_FILE
            stack.enter_context(must_stay(folder, lock if lock.is_file() else folder))
        yield


@contextmanager
def state_kept(folder: Path, kind: str | None = None) -> Iterator[None]:
    """Write that the run is running, its kind, and how the body ends."""
    _write_state(folder, "running", {} if kind is None else {"kind": kind})
    try:
        yield
    except KeyboardInterrupt:
        _note_end(folder, "interrupted")
        raise
    except BaseException:
        _note_end(folder, "failed")
        raise
    _write_state(folder, "finished")


def read_state(folder: Path) -> str | None:
    """Return running, finished, interrupted or failed; None if the folder is no run.

    A run whose program was killed could not write its end: it is interrupted.
    """
    state = read_notes(folder).get("state")
    if state == "running" and not is_held(folder / LOCK_FILE):
        return "interrupted"
    return state


def is_just_begun(folder: Path) -> bool:
    """Return whether a program was killed here before it wrote anything of the run."""
    return folder.is_dir() and all(
        entry.name in _FIRST_FILES or ".partial" in entry.name for entry in folder.iterdir()
    )


def read_notes(folder: Path) -> dict[str, Any]:
    """Return run.json: state, kind, started, changed; empty if there is none."""
    return read_json_if_whole(folder / STATE_FILE) or {}


def _note_end(folder: Path, state: str) -> None:
    with suppress(ArtstyleError):  # the disk is full, which is being reported anyway
        _write_state(folder, state)


def _write_state(folder: Path, state: str, more: Mapping[str, str] | None = None) -> None:
    known, now = read_notes(folder), datetime.now().astimezone().isoformat(timespec="seconds")
    changes = {"state": state, "started": known.get("started", now), "changed": now}
    write_json(folder / STATE_FILE, {**known, **(more or {}), **changes})
