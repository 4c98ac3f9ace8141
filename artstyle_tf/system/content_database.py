"""The database of a content cache: digests of files, and facts about contents.

The times of a file that was written a moment ago do not show a second change within the clock's
resolution, so the digest of such a file is not stored; likewise on file systems that keep whole
seconds only. Source of the rule: "racy-git" in Git's documentation.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from artstyle_tf.system.threads import in_batches

ROWS_AT_ONCE = 500
"""Of a query and of a transaction."""

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB, kind TEXT, device INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER,
    ctime_ns INTEGER, digest TEXT, PRIMARY KEY (path, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    digest TEXT, kind TEXT, value BLOB, PRIMARY KEY (digest, kind)
) WITHOUT ROWID;
"""
_SECONDS_TO_WAIT = 30.0  # for another program that writes
_SECOND_NS = 10**9
_YOUNG_NS = _SECOND_NS // 10  # ten times the resolution of the clocks that count as fine


class FileState(NamedTuple):
    """What changes when a file is written or replaced: device, inode, bytes, nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, file: Path) -> FileState:
        """Return the state of a file; raises OSError if there is none."""
        status = file.stat()
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )

    @property
    def shows_changes(self) -> bool:
        """Return whether a change after this moment would change the state."""
        latest = max(self.mtime_ns, self.ctime_ns)
        has_fine_clock = self.mtime_ns % _SECOND_NS or self.ctime_ns % _SECOND_NS
        return bool(has_fine_clock) and latest < time.time_ns() - _YOUNG_NS


class ContentDatabase:
    """The database.

    Args:
        file: of the database; created when the first fact is stored. While its folder does not
            exist, facts wait for `write_waiting`: a command that fails should leave nothing.
        rescan: compute everything again, and store it.
        read_only: store nothing.
    """

    def __init__(self, file: Path, *, rescan: bool = False, read_only: bool = False) -> None:
        self._file = file
        self._rescan = rescan
        self._read_only = read_only
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_usable = True
        self._waiting: list[tuple[str, Sequence[tuple]]] = []

    def write_waiting(self) -> None:
        """Store what waits for the folder of the database, which is created."""
        waiting, self._waiting = self._waiting, []
        for query, rows in waiting:
            self._try(functools.partial(_execute, query=query, rows=rows), create=True)

    def close(self) -> None:
        """Close the database; it can be used again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def digests(self, states: Sequence[tuple[Path, FileState]], kind: str) -> list[str | None]:
        """Return the digest of each file if it is known for exactly this state, else None."""
        rows = self._select(
            "SELECT path, device, inode, size, mtime_ns, ctime_ns, digest FROM files"
            " WHERE kind = ? AND path IN",
            kind,
            [_key(file) for file, _ in states],
        )
        known = {row[0]: row[1:] for row in rows}
        found = (known.get(_key(file), ()) for file, _ in states)
        return [
            row[-1] if row and row[:-1] == tuple(state) else None
            for row, (_, state) in zip(found, states, strict=True)
        ]

    def store_digests(self, rows: Iterable[tuple[Path, FileState, str]], kind: str) -> None:
        """Store digests of files whose states show later changes."""
        self._insert(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (_key(file), kind, *state, digest)
                for file, state, digest in rows
                if state.shows_changes
            ],
        )

    def values(self, digests: Sequence[str], kind: str) -> dict[str, bytes]:
        """Return the known values of some digests."""
        query = "SELECT digest, value FROM facts WHERE kind = ? AND digest IN"
        return dict(self._select(query, kind, digests))

    def known(self, digests: Sequence[str], kind: str) -> set[str]:
        """Return those of the digests that have a value."""
        query = "SELECT digest FROM facts WHERE kind = ? AND digest IN"
        return {row[0] for row in self._select(query, kind, digests)}

    def store_values(self, rows: Iterable[tuple[str, bytes]], kind: str) -> None:
        """Store values of digests."""
        self._insert(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)",
            [(digest, kind, value) for digest, value in rows],
        )

    def _select(self, query: str, kind: str, keys: Sequence[str | bytes]) -> list[tuple]:
        if self._rescan:
            return []
        rows: list[tuple] = []
        for some in in_batches(keys, ROWS_AT_ONCE):
            marks = ", ".join("?" * len(some))
            rows += self._try(
                lambda base, some=some, marks=marks: base.execute(
                    f"{query} ({marks})", (kind, *some)
                ).fetchall(),
                create=False,
            )
        return rows

    def _insert(self, query: str, rows: Sequence[tuple]) -> None:
        if not rows or self._read_only:
            return
        self._waiting.append((query, rows))
        if self._file.parent.is_dir():
            self.write_waiting()

    def _try(
        self, action: Callable[[sqlite3.Connection], list[tuple]], *, create: bool
    ) -> list[tuple]:
        """Return the action's rows, none if there is no database that can be used."""
        with self._lock:
            try:
                base = self._opened(create=create)
                return [] if base is None else action(base)
            except (sqlite3.Error, OSError):
                self._is_usable = False  # busy, full or not writable: go on without it
                return []

    def _opened(self, *, create: bool) -> sqlite3.Connection | None:
        if not self._is_usable:
            return None
        if self._connection is None:
            if not (create or self._file.is_file()):
                return None
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _connect(self._file)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # damaged, or of another version
                if self._read_only:
                    raise
                self._file.unlink(missing_ok=True)
                self._connection = _connect(self._file)
        return self._connection


def _execute(base: sqlite3.Connection, query: str, rows: Sequence[tuple]) -> list[tuple]:
    with base:  # one transaction
        base.executemany(query, rows)
    return []


def _connect(file: Path) -> sqlite3.Connection:
    base = sqlite3.connect(file, timeout=_SECONDS_TO_WAIT, check_same_thread=False)
    try:
        version = base.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            base.executescript(
                f"BEGIN IMMEDIATE;\n{_SCHEMA}PRAGMA user_version = {_SCHEMA_VERSION};\nCOMMIT;"
            )
        elif version != _SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"its version is {version}")
        base.execute("SELECT count(*) FROM (SELECT 1 FROM files LIMIT 1)")
    except BaseException:
        base.close()
        raise
    return base


def _key(file: Path) -> bytes:
    return os.fsencode(file.absolute())
