"""Atomic writing and checked reading of files."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.visible_text import has_controls, json_escaped

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}

TEMPORARY_NAME = re.compile(r"\..*\.(\d+)\.partial(\.\w+)?", re.DOTALL)
"""Name of a file that is being written; the group is the process ID."""

_must_stay: dict[Path, tuple[Path, tuple[int, int]]] = {}
"""Folder -> a file or folder that identifies it, with its device and inode."""


@contextlib.contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` and rename it to `path` on success.

    Readers, also after a power failure, see the old file or the new one, never a part. The
    temporary name keeps the suffix because savers such as Keras choose the format by it.

    Args:
        path: the file to create or replace; its folder is created.

    Yields:
        The temporary path to write to.

    Raises:
        ArtstyleError: if the folder cannot be written, or a folder that `must_stay` is gone.
    """
    _check_what_must_stay(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        _forget(temporary)  # before free space is measured
        raise cannot_write(path, error) from error
    finally:
        _forget(temporary)


@contextlib.contextmanager
def must_stay(folder: Path, witness: Path) -> Iterator[None]:
    """Refuse writes below a folder that was removed or replaced during the `with` block.

    Otherwise the folder would be created again, and the program would succeed with most of its
    results missing.

    Args:
        folder: an existing folder.
        witness: identifies the folder: a file in it that is never rewritten, or the folder itself.
    """
    key = folder.absolute()
    _must_stay[key] = (witness.absolute(), _identity(witness))
    try:
        yield
    finally:
        _must_stay.pop(key, None)


def _check_what_must_stay(path: Path) -> None:
    for folder in path.absolute().parents:
        if folder not in _must_stay:
            continue
        witness, identity = _must_stay[folder]
        try:
            is_same = _identity(witness) == identity
        except OSError as error:
            is_same = not isinstance(error, (FileNotFoundError, NotADirectoryError))
        if not is_same:
            raise ArtstyleError(
                f"The folder {folder} was removed or replaced while this program was running",
                expected="a folder that does not change until the program ends",
                fix="start the command again, as a new run",
            )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of killed programs, at any depth.

    Only for a folder that no other process writes to.
    """
    for file in folder.rglob(".*.partial*"):
        if is_leftover(file) and file.is_file():
            _forget(file)


def is_leftover(file: Path) -> bool:
    """Return whether a file has the temporary name of `replaced_atomically`."""
    return TEMPORARY_NAME.fullmatch(file.name) is not None


def sync(file: Path) -> None:
    """Flush a file to disk, so that its content survives a power failure."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replaced_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, with two spaces of indentation and a final newline.

    Raises:
        ArtstyleError: if it cannot be written, or holds NaN or infinity.
    """
    write_text(path, json_text(content, str(path), indent=2) + "\n")


def json_text(
    content: Any, what: str, *, indent: int | None = None, encoding: str = "utf-8"
) -> str:
    """Format JSON that is standard, fits the encoding and is safe to print on a terminal.

    Args:
        content: mappings, sequences, strings, numbers.
        what: description of the content, for the error.
        indent: spaces; None for one line.
        encoding: of the destination; characters outside of it are escaped.

    Raises:
        ArtstyleError: if a number is NaN or infinite, which JSON cannot express.
    """
    try:
        text = json_escaped(json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False))
    except ValueError as error:
        place = _first_not_finite(content)
        if place is None:
            raise
        raise ArtstyleError(
            f"{what} would contain a number that is not finite",
            received=f"{place[0].removeprefix('.')} = {place[1]}",
            fix="check the earlier steps: something diverged or divided by zero",
        ) from error
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # also a file name that is not valid UTF-8, as lone surrogates
        return json.dumps(content, indent=indent, allow_nan=False)
    return text


def yaml_text(content: Any) -> str:
    """Format plain values as YAML in their order, safe for terminals; it reads back as equal."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if has_controls(text, but_lines=True):  # PyYAML only escapes them with allow_unicode=False
        return yaml.safe_dump(content, sort_keys=False)
    return text


def _first_not_finite(content: Any, place: str = "") -> tuple[str, float] | None:
    """Find the first NaN or infinity in nested values, with its path."""
    if isinstance(content, float) and not math.isfinite(content):
        return place, content
    if isinstance(content, dict):
        inner = [(f"{place}.{key}", value) for key, value in content.items()]
    elif isinstance(content, (list, tuple)):
        inner = [(f"{place}[{number}]", value) for number, value in enumerate(content)]
    else:
        return None
    found = (_first_not_finite(value, name) for name, value in inner)
    return next((entry for entry in found if entry is not None), None)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtstyleError: if the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtstyleError(
            f"Cannot read {path}",
            received=getattr(error, "strerror", None) or str(error),
            expected="a JSON file that this program wrote",
            fix="restore it from a backup, or create its folder again",
        ) from error


def read_json_if_whole(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; return None if it is missing or damaged, where nothing depends on it."""
    try:
        found = read_json(path)
    except ArtstyleError:
        return None
    return found if isinstance(found, dict) else None


def cannot_write(path: Path | str, error: Exception) -> ArtstyleError:
    """Build the error for a file or folder that cannot be written."""
    received = getattr(error, "strerror", None) or str(error)
    number = getattr(error, "errno", None)
    fix = "make the folder writable, free some space, or choose another folder with --outputs"
    if number in _NO_ROOM:
        received = f"{received}; {room_in_words(path)}"
        fix = (
            "free some space, or choose another folder with --outputs; completed work is kept "
            "and reused"
        )
    elif number in _NOT_ALLOWED:
        fix = "make the folder writable, or choose another folder with --outputs"
    return ArtstyleError(f"Cannot write {path}", received=received, fix=fix)


def check_can_write(path: Path) -> None:
    """Check that a file or folder could be created, without creating anything.

    Raises:
        ArtstyleError: if a file is in the place of a folder, or the folder is read-only.
    """
    existing = path.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    number = None
    if existing != path.absolute() and not existing.is_dir():
        number = errno.ENOTDIR
    elif not os.access(existing, os.W_OK):
        # os.access gives no reason; for root it only fails on a read-only file system.
        read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
    if number is not None:
        raise cannot_write(path, OSError(number, os.strerror(number)))


def leads_out(path: str) -> bool:
    """Return whether a path from an untrusted table may lead out of a folder."""
    return not path or "\0" in path or Path(path).is_absolute() or os.pardir in Path(path).parts


def is_about_room_or_rights(error: OSError) -> bool:
    """Return whether the user can fix an error: a full disk, or missing write permission."""
    return error.errno in _NO_ROOM | _NOT_ALLOWED


def is_about_room(error: OSError) -> bool:
    """Return whether an error is about a full disk or an exceeded quota."""
    return error.errno in _NO_ROOM


def room_in_words(path: Path | str) -> str:
    """Describe the free space on the disk of a path."""
    existing = next(folder for folder in Path(path).absolute().parents if folder.exists())
    with contextlib.suppress(OSError):
        return f"{shutil.disk_usage(existing).free / 2**20:.1f} MiB are free in {existing}"
    return f"how much is free in {existing} is not known"


def _forget(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # gone already, or the folder never existed
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync a folder, which makes a rename in it durable, on systems that can sync folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
