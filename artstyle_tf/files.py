"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artstyle_tf.errors import ArtstyleError


@contextlib.contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Hands out a temporary path beside `path` and renames it to `path` on success.

    A reader, or the next run after a power cut, sees the old file or the new one and never a half.
    The temporary name keeps the suffix because savers such as Keras choose the format by it.

    Args:
        path: the file to create or replace; its folder is created.

    Yields:
        The temporary path to write to.

    Raises:
        ArtstyleError: if the folder cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # gone already, or the folder never existed
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with replaced_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Writes JSON atomically, with two spaces of indentation and a final newline."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def cannot_write(path: Path, error: Exception) -> ArtstyleError:
    """The error for a file or folder that the system refuses to write."""
    return ArtstyleError(
        f"Cannot write {path}",
        received=getattr(error, "strerror", None) or str(error),
        fix="make the folder writable, free some space, or choose another folder with --outputs",
    )
