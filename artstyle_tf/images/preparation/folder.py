"""The folder for prepared images: which images it belongs to, and who may write to it now."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artstyle_tf.images.index.examples import examples
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, remove_leftovers, write_json
from artstyle_tf.system.locks import LOCK_FILE, held
from artstyle_tf.system.progress import Reporter

SETTINGS_FILE = "preparation.json"

FORMAT_VERSION = 1
"""Increased when prepared files of an older version must not be used any more."""


def open_folder(root: Path, destination: Path) -> None:
    """Create the folder for the prepared images of root, or check that it may be used.

    Raises:
        ArtstyleError: as `check_destination`, or if it cannot be written.
    """
    check_destination(root, destination)
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(destination, error) from error


def check_destination(root: Path, destination: Path) -> None:
    """Check that a folder, which need not exist, may hold the prepared images of root.

    Raises:
        ArtstyleError: if it lies among the images, or holds something else or images from
            another root.
    """
    inside = destination.resolve()
    if inside == root.resolve() or root.resolve() in inside.parents:
        raise ArtstyleError(
            "The folder for prepared images lies among the images",
            received=f"{destination} inside {root}",
            expected="a folder of its own, so that its files are not taken for a style",
            fix="choose another folder with data.prepared=...",
        )
    if destination.is_dir():
        _check_owner(root, destination)


def claim_folder(root: Path, destination: Path, settings: dict[str, Any]) -> None:
    """Write into the folder, which is locked, whose images it holds, and with which settings.

    Raises:
        ArtstyleError: if another program has claimed it for other images, or it cannot be
            written.
    """
    _check_owner(root, destination)
    content = {**_ownership(root, destination), "settings": settings}
    if _read_settings(destination) != content:
        write_json(destination / SETTINGS_FILE, content)


def _check_owner(root: Path, destination: Path) -> None:
    expected, found = _ownership(root, destination), _read_settings(destination)
    if found is None:
        entries = (entry.name for entry in destination.iterdir())
        foreign = sorted(name for name in entries if not name.startswith("."))
        if foreign:
            raise ArtstyleError(
                f"The folder for prepared images, {destination}, holds something else",
                received=examples(foreign),
                expected="an empty or a new folder",
                fix="choose another folder with data.prepared=..., or empty it",
            )
    elif {key: found.get(key) for key in expected} != expected:
        other_root = os.path.normpath(destination.resolve() / str(found.get("root")))
        raise ArtstyleError(
            f"The prepared images in {destination} were created from other images",
            received=f"{other_root} (format version {found.get('format_version')})",
            expected=f"{root.resolve()} (format version {FORMAT_VERSION})",
            fix="choose another folder with data.prepared=..., or delete it",
        )


def _ownership(root: Path, destination: Path) -> dict[str, Any]:
    """Return the root relative to the folder, so that both can be moved together."""
    root, destination = root.resolve(), destination.resolve()
    try:
        relative_root = Path(os.path.relpath(root, destination))
    except ValueError:  # another drive on Windows
        relative_root = root
    return {"format_version": FORMAT_VERSION, "root": relative_root.as_posix()}


@contextlib.contextmanager
def one_at_a_time(destination: Path, reporter: Reporter) -> Iterator[None]:
    """Wait while another program prepares the same folder; then everything is done already."""

    def report_waiting(holder: str) -> None:
        reporter.info(f"Waiting for another program that prepares {destination} ({holder}).")

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(destination / LOCK_FILE, busy=report_waiting))
            remove_leftovers(destination)
        except OSError:
            pass  # A folder that cannot be written can still be complete.
        yield


def _read_settings(destination: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((destination / SETTINGS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        content = {}
    return content if isinstance(content, dict) else {}
