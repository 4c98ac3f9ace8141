"""What somebody names on a command line -> picture files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from artstyle_tf.data.style_folders import PICTURE_SUFFIXES
from artstyle_tf.errors import ArtstyleError

STDIN = "-"
"""The name that stands for a list of names on stdin."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def check_names(names: Sequence[str]) -> None:
    """Checks that names lead somewhere, without looking for pictures there.

    Args:
        names: as for `list_pictures`, and `STDIN`, which is not read.

    Raises:
        ArtstyleError: if there are none, or one leads nowhere.
    """
    if not names:
        raise ArtstyleError(
            "Which pictures?",
            expected="files, folders or patterns; - for a list on stdin, one a line",
        )
    for name in names:
        if name != STDIN and not Path(name).exists():
            _matches(name)


def list_pictures(names: Iterable[str]) -> list[Path]:
    """Finds the pictures that are meant.

    Args:
        names: files, whatever their suffix; folders, which stand for all files in them at any depth
            that have the suffix of a picture and are not hidden; patterns such as `scans/*.tif`.

    Returns:
        Each file once, in the order of the names; within a folder sorted.

    Raises:
        ArtstyleError: if a name leads nowhere, or there is no picture at all.
    """
    found: dict[Path, None] = {}
    for name in names:
        found.update(dict.fromkeys(_pictures_of(name)))
    if not found:
        raise ArtstyleError(
            "There are no pictures to look at",
            expected="files, folders or patterns; pictures end in "
            + ", ".join(sorted(PICTURE_SUFFIXES)),
        )
    return list(found)


def _pictures_of(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.is_dir():
        yield from _walk(path)
    elif path.is_file():
        yield path
    else:
        for match in _matches(name):
            yield from _pictures_of(match)


def _matches(pattern: str) -> list[str]:
    """What fits a pattern; at least one name."""
    if _URL.match(pattern):
        raise ArtstyleError(
            "Pictures are not fetched from the network",
            received=pattern,
            expected="files or folders of this machine",
            fix="download it first; the address of a server that answers goes to --url",
        )
    # A pattern may be absolute, which Path.glob refuses.
    matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []  # noqa: PTH207
    if not matches:
        raise ArtstyleError(
            "There is no such picture",
            received=pattern,
            expected="a file, a folder or a pattern that fits some files",
        )
    return matches


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in PICTURE_SUFFIXES:
                yield path
