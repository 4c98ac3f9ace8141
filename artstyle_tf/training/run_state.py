"""Whether a run is being made, by whom, and how it ended: run.json and the lock of its folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import (
    cannot_write,
    must_stay,
    read_json_if_whole,
    remove_leftovers,
    write_json,
)
from artstyle_tf.locks import HOLDER_SUFFIX, LOCK_FILE, held, is_held

STATE_FILE = "run.json"

_FIRST_FILES = frozenset({STATE_FILE, LOCK_FILE, LOCK_FILE + HOLDER_SUFFIX})


@contextmanager
def alone_in_run(folder: Path) -> Iterator[None]:
    """Keeps other programs out of the folder of a run, which exists, while the body works.

    Raises:
        ArtstyleError: if another program is in it, or it cannot be written.
    """

    def refuse(holder: str) -> None:
        raise ArtstyleError(
            f"Another program is making the run {folder}",
            received=holder,
            fix="wait until it has ended, or choose another --run-name",
        )

    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder / LOCK_FILE, busy=refuse))
            remove_leftovers(folder)
        except OSError as error:
            raise cannot_write(folder, error) from error
        lock = folder / LOCK_FILE
        stack.enter_context(must_stay(folder, lock if lock.is_file() else folder))
        yield


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


def empty_run(folder: Path, figures: Path) -> None:
    """Removes what an earlier run has left, but for the lock, so that no other can slip in.

    Raises:
        ArtstyleError: if a program is making the run at the moment.
        OSError: if something cannot be removed.
    """
    with alone_in_run(folder):
        if figures.exists():
            shutil.rmtree(figures)
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif not entry.name.startswith(LOCK_FILE):
                entry.unlink()


@contextmanager
def state_kept(folder: Path) -> Iterator[None]:
    """Notes in the folder of a run that it is running, and how the body ends."""
    _write_state(folder, "running")
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
    """Running, finished, interrupted or failed; None if the folder is no run.

    A run whose program was killed has had no time to say so: it is interrupted.
    """
    state = _known(folder).get("state")
    if state == "running" and not is_held(folder / LOCK_FILE):
        return "interrupted"
    return state


def is_just_begun(folder: Path) -> bool:
    """Whether a program was killed here before it wrote anything that belongs to the run."""
    return folder.is_dir() and all(
        entry.name in _FIRST_FILES or ".partial" in entry.name for entry in folder.iterdir()
    )


def _known(folder: Path) -> dict[str, Any]:
    return read_json_if_whole(folder / STATE_FILE) or {}


def _note_end(folder: Path, state: str) -> None:
    with suppress(ArtstyleError):  # the disk is full, which is what is being told anyway
        _write_state(folder, state)


def _write_state(folder: Path, state: str) -> None:
    known, now = _known(folder), datetime.now().astimezone().isoformat(timespec="seconds")
    changes = {"state": state, "started": known.get("started", now), "changed": now}
    write_json(folder / STATE_FILE, {**known, **changes})
