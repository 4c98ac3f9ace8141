"""Temporary folders next to their target, named by process."""

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
    """Yield a new folder next to `target`; its content is removed unless moved elsewhere.

    Folders that killed processes left next to the same target are removed first.

    Args:
        target: destination of the content; its parent folder is created.

    Yields:
        The folder, locked, so that no other process removes it as a leftover.

    Raises:
        OSError: if it cannot be created.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned_folders(target)
    # Not only the process ID, which is 1 in every container.
    prefix = f".{target.name}.{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=".partial", dir=target.parent))
    try:
        with held(folder / LOCK_FILE, busy=lambda _: None):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_folders(target: Path) -> None:
    """Remove folders of `partial_folder` that killed processes left next to the target."""
    for folder in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        match = _FOLDER_NAME.fullmatch(folder.name)
        if match is None or folder.is_symlink() or not folder.is_dir():
            continue
        lock = folder / LOCK_FILE
        # Without a lock it is from an older version, or was created just now.
        alive = is_held(lock) if lock.exists() else is_alive(int(match[1]))
        if not alive:
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_files(folder: Path) -> None:
    """Remove temporary files of dead processes of this machine.

    Unlike `files.remove_leftovers` it is safe while other processes write to the folder.
    """
    for file in folder.rglob(".*.partial*"):
        match = TEMPORARY_NAME.fullmatch(file.name)
        if match is not None and file.is_file() and not is_alive(int(match[1])):
            with contextlib.suppress(OSError):
                file.unlink()


def is_alive(process_id: int) -> bool:
    """Return whether a process of this machine is running; True if unknown."""
    if os.name == "nt":  # where os.kill would end it
        return True
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # a process of another user
        return True
    return True
