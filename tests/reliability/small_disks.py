"""A disk that is full soon, where this program may mount one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A file system in memory with a size of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, kilobytes: int) -> None:
        """Makes it larger or smaller."""
        _mount("-o", f"remount,size={kilobytes}k", str(self.folder))


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[SmallDisk]:
    """Mounts the disk on a folder while the body works; skips the test where that is forbidden."""
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform != "linux" or _mount_fails(folder, kilobytes):
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount_fails(folder: Path, kilobytes: int) -> bool:
    try:
        _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        return True
    return False


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
