"""Folders that are being filled, under a name that says by whom."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from artstyle_tf.system.files import TEMPORARY_NAME
from artstyle_tf.system.locks import LOCK_FILE, held, is_held

_FOLDER_NAME = re.compile(r"\..*\.(\d+)(-\w+)?\.partial", re.DOTALL)


@contextlib.contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; what is to stay has to be moved out of it.

    Folders that killed programs have left beside the same target are removed before.

    Args:
        target: what the folder is for; its own folder is created.

    Yields:
        The folder, locked: as long as this program lives, no other takes it for a leftover.

    Raises:
        OSError: if it cannot be created.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned_folders(target)
    # Not the number of the process alone: in containers it is 1 for all of them.
    prefix = f".{target.name}.{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=".partial", dir=target.parent))
    try:
        with held(folder / LOCK_FILE, busy=lambda _: None):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_folders(target: Path) -> None:
    """Remove what dead programs have left of `partial_folder` beside the target."""
    for folder in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        match = _FOLDER_NAME.fullmatch(folder.name)
        if match is None or folder.is_symlink() or not folder.is_dir():
            continue
        lock = folder / LOCK_FILE
        # Without a lock it was made by an older version, or a moment ago.
        alive = is_held(lock) if lock.exists() else is_alive(int(match[1]))
        if not alive:
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_files(folder: Path) -> None:
    """Remove what dead processes of this machine have left of `files.replaced_atomically`.

    Unlike `files.remove_leftovers` it may be used where others are writing.
    """
    for file in folder.rglob(".*.partial*"):
        match = TEMPORARY_NAME.fullmatch(file.name)
        if match is not None and file.is_file() and not is_alive(int(match[1])):
            with contextlib.suppress(OSError):
                file.unlink()


def is_alive(process_id: int) -> bool:
    """Whether there is such a process on this machine; True where that cannot be known."""
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True
