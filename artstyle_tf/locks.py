"""One program at a time, and who that is.

The system takes a lock back when its holder ends, however it ends, so a dead program locks nobody
out. Beside the lock lies a note about the holder: for the message to who has to wait, and as a sign
that a holder has died, because one that ends in order takes its note along.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import filelock

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import write_json
from artstyle_tf.interruption import safe_point

LOCK_FILE = ".lock"
HOLDER_SUFFIX = "-holder"

_SECONDS_BETWEEN_SAFE_POINTS = 0.5


@contextlib.contextmanager
def held(
    lock_file: Path,
    *,
    busy: Callable[[str], None],
    stale: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Holds a lock while the body works.

    On a file system without locks the body works without one.

    Args:
        lock_file: in a folder that exists; it stays when the lock is released.
        busy: called once if somebody else holds the lock, with who that is in words; it raises, or
            the lock is waited for.
        stale: called if the last holder has died, with who that was.

    Raises:
        OSError: if the file cannot be written.
        KeyboardInterrupt: while waiting.
    """
    try:
        lock = _acquired(lock_file, busy)
    except NotImplementedError:
        yield
        return
    note = _note(lock_file)
    try:
        if stale is not None and note.exists():
            stale(_in_words(note))
        with contextlib.suppress(ArtstyleError):  # on a full disk the lock works without a note
            write_json(note, _myself())
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink()
        lock.release()


def is_held(lock_file: Path) -> bool:
    """Whether a program that is alive holds the lock; writes nothing."""
    if not lock_file.is_file():
        return False
    try:
        with filelock.FileLock(lock_file).acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):
        return False


def _acquired(lock_file: Path, busy: Callable[[str], None]) -> filelock.BaseFileLock:
    lock = filelock.FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
        return lock
    except filelock.Timeout:
        busy(_in_words(_note(lock_file)))
    while True:
        try:
            lock.acquire(timeout=_SECONDS_BETWEEN_SAFE_POINTS)
            return lock
        except filelock.Timeout:
            safe_point()


def _note(lock_file: Path) -> Path:
    return lock_file.with_name(lock_file.name + HOLDER_SUFFIX)


def _myself() -> dict[str, str | int]:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": since}


def _in_words(note: Path) -> str:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has left no note"
