"""The folder of the trunk cache: its tables, their locks, and their removal."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle_tf.system.files import cannot_write, is_leftover, remove_leftovers
from artstyle_tf.system.locks import LOCK_FILE, LOCK_FILES, held
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache.activation_table import DESCRIPTION_FILE, table_key

# Shards are named by their checksums: BLAKE2b of 16 bytes, in hex.
_SHARD_NAME = re.compile(r"[0-9a-f]{32}\.(npy|json)")

# The disk is never filled to the last byte: other programs, and the run itself, write too.
_DISK_RESERVE_BYTES = 200 * 2**20


@dataclass(frozen=True)
class StoredTable:
    """One table on disk.

    Attributes:
        key: name of its folder.
        folder: its path.
        description: what its rows depend on.
        size_bytes: of all its files.
        last_used: seconds since 1970.
    """

    key: str
    folder: Path
    description: dict[str, Any]
    size_bytes: int
    last_used: float


def trunk_cache_folder(outputs: str, folder: str | None) -> Path:
    """Return the folder of the cache: as configured, or next to the runs that share it."""
    return Path(outputs) / "trunk_cache" if folder is None else Path(folder)


@contextlib.contextmanager
def filling(folders: Iterable[Path], reporter: Reporter) -> Iterator[None]:
    """Hold the locks of tables while their rows are computed.

    Other programs that need the same rows wait, and find them afterwards.

    Raises:
        ArtstyleError: if a folder cannot be written.
    """

    def report_holder(holder: str) -> None:
        reporter.info(f"Waiting for another program that fills the trunk cache ({holder}).")

    with contextlib.ExitStack() as stack:
        for folder in sorted(folders):  # in one order everywhere, or two programs could deadlock
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(folder / LOCK_FILE, busy=report_holder))
                remove_leftovers(folder)
            except OSError as error:
                raise cannot_write(folder, error) from error
        yield


def stored_tables(root: Path) -> list[StoredTable]:
    """Return all tables in a folder, the least recently used first; empty if there is no folder.

    A folder is a table only if its name is the digest of its description, so that no unrelated
    folder is listed, counted or removed. Links are not followed.
    """
    tables = []
    for description_file in root.glob(f"*/{DESCRIPTION_FILE}"):
        folder = description_file.parent
        # Just removed by another program, or no description.
        with contextlib.suppress(OSError, ValueError, RecursionError):
            description = json.loads(description_file.read_text(encoding="utf-8"))
            if folder.is_symlink() or folder.name != table_key(description):
                continue
            tables.append(
                StoredTable(
                    key=folder.name,
                    folder=folder,
                    description=description,
                    size_bytes=sum(file.lstat().st_size for file in _own_files(folder)),
                    last_used=description_file.stat().st_mtime,
                )
            )
    return sorted(tables, key=lambda table: (table.last_used, table.key))


def _own_files(folder: Path) -> list[Path]:
    """Return the files that the cache has written into the folder of a table, and no others."""
    return [
        file
        for file in folder.iterdir()
        if file.name == DESCRIPTION_FILE
        or file.name in LOCK_FILES
        or _SHARD_NAME.fullmatch(file.name)
        or is_leftover(file)
    ]


def remove_table(table: StoredTable) -> bool:
    """Remove the files that the cache has written, and nothing else.

    A program that reads the table at the moment keeps its memory-mapped rows until it ends.

    Returns:
        False if nothing was removed, because a program is filling the table.
    """

    def leave_alone(holder: str) -> None:
        raise BlockingIOError(f"in use by {holder}")

    try:
        with held(table.folder / LOCK_FILE, busy=leave_alone):
            # The description goes last: as long as it exists, an interrupted removal can be
            # repeated.
            own = sorted(_own_files(table.folder), key=lambda file: file.name == DESCRIPTION_FILE)
            for file in own:
                with contextlib.suppress(FileNotFoundError):
                    file.unlink()
            with contextlib.suppress(OSError):  # the folder contains other files
                table.folder.rmdir()
    except OSError:  # in use, another user's folder, or just removed
        return False
    return True


def room_bytes(root: Path, *, size_limit_bytes: int, kept: Collection[str]) -> int:
    """Return what could be written if all tables but those in `kept` were removed.

    Args:
        root: folder of the tables; it need not exist.
        size_limit_bytes: for all tables together.
        kept: keys of the tables that are about to be used.
    """
    tables = stored_tables(root)
    removable = sum(table.size_bytes for table in tables if table.key not in kept)
    used = sum(table.size_bytes for table in tables) - removable
    existing = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    on_disk = shutil.disk_usage(existing).free + removable - _DISK_RESERVE_BYTES
    return max(0, min(size_limit_bytes - used, on_disk))


def make_room(
    root: Path, needed_bytes: int, *, size_limit_bytes: int, kept: Collection[str]
) -> list[StoredTable]:
    """Remove tables, the least recently used first, until the rest and the new rows fit.

    Args:
        root: folder of the tables.
        needed_bytes: about to be written.
        size_limit_bytes: for all tables together.
        kept: keys of the tables that must stay; those that are being filled stay, too.

    Returns:
        The removed tables.
    """
    tables = stored_tables(root)
    total = sum(table.size_bytes for table in tables)
    free = shutil.disk_usage(root).free - _DISK_RESERVE_BYTES if tables else needed_bytes
    removed = []
    for table in tables:
        if total + needed_bytes <= size_limit_bytes and needed_bytes <= free:
            break
        if table.key in kept or not remove_table(table):
            continue
        removed.append(table)
        total -= table.size_bytes
        free += table.size_bytes
    return removed
