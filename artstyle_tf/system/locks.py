"""File locks, with a note about their holder.

The system releases a lock when its holder ends, also when it is killed. Next to the lock is a note
about the holder: for the message to a process that waits, and as a sign that a holder was killed,
because one that ends normally removes its note.

Some file systems (network disks, FUSE) have no locks. There a marker file, created exclusively,
holds process ID, host and start time of the holder. The marker of a dead process on this host is
removed by the next process; whether one on another host still runs is unknown, so its marker has to
be removed by the user.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import filelock

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.interruption import safe_point

LOCK_FILE = ".lock"
HOLDER_SUFFIX = "-holder"
MARKER_SUFFIX = "-marker"
LOCK_FILES = frozenset({LOCK_FILE, LOCK_FILE + HOLDER_SUFFIX, LOCK_FILE + MARKER_SUFFIX})
"""All files that locks leave in a folder."""

# Errors of file systems without locks.
_NO_LOCKS_HERE = frozenset(
    {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EIO, errno.ENOSYS}
)

_SECONDS_BETWEEN_SAFE_POINTS = 0.5


@contextlib.contextmanager
def held(
    lock_file: Path,
    *,
    busy: Callable[[str], None],
    stale: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold a lock during the `with` block.

    Args:
        lock_file: in an existing folder; the file stays after the lock is released.
        busy: called once with a description of the holder if the lock is taken; it raises, or the
            lock is waited for.
        stale: called with a description of the last holder if that was killed.

    Raises:
        OSError: if the file cannot be written.
        KeyboardInterrupt: while waiting.
    """
    lock = _acquired(lock_file, busy)
    note = _note(lock_file)
    try:
        if stale is not None and note.exists():
            stale(_in_words(note))
        with contextlib.suppress(ArtstyleError):  # on a full disk the lock works without a note
            write_json(note, _this_process())
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink()
        lock.release()


def is_held(lock_file: Path) -> bool:
    """Return whether a running process holds the lock; write nothing."""
    if not lock_file.is_file() and not _marker(lock_file).exists():
        return False
    try:
        _lock_that_works(lock_file).release()
        return False
    except filelock.Timeout:
        return True
    except OSError:
        return False


def _acquired(lock_file: Path, busy: Callable[[str], None]) -> filelock.BaseFileLock:
    try:
        return _lock_that_works(lock_file)
    except filelock.Timeout as error:
        marker = _marker(lock_file)
        if Path(error.lock_file) == marker:
            busy(_holder_of_marker(lock_file, marker))
            lock = filelock.SoftFileLock(marker)
        else:
            busy(_in_words(_note(lock_file)))
            lock = filelock.FileLock(lock_file)
    while True:
        try:
            lock.acquire(timeout=_SECONDS_BETWEEN_SAFE_POINTS)
            return lock
        except filelock.Timeout:
            safe_point()


def _lock_that_works(lock_file: Path) -> filelock.BaseFileLock:
    """Acquire a lock of the system, or a marker where the file system has no locks.

    Raises:
        filelock.Timeout: if it is taken.
        OSError: if the file cannot be written.
    """
    # The library's own fallback would mistake the empty file of an earlier lock for a holder.
    lock: filelock.BaseFileLock = filelock.FileLock(lock_file, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
        lock = filelock.SoftFileLock(_marker(lock_file))
        lock.acquire(timeout=0)
    return lock


def _marker(lock_file: Path) -> Path:
    return lock_file.with_name(lock_file.name + MARKER_SUFFIX)


def _note(lock_file: Path) -> Path:
    return lock_file.with_name(lock_file.name + HOLDER_SUFFIX)


def _this_process() -> dict[str, str | int]:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder_of_marker(lock_file: Path, marker: Path) -> str:
    lines = marker.read_text(encoding="utf-8").split("\n") if marker.exists() else []
    if len(lines) < 2 or lines[1] == socket.gethostname():
        return _in_words(_note(lock_file))
    return f"process {lines[0]} on {lines[1]}; if that has died, remove {marker}"


def _in_words(note: Path) -> str:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that left no note"
