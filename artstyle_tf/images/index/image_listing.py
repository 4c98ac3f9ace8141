"""List the files below a folder: which may be images, and why others are ignored.

TensorFlow and pandas are not imported: a missing folder has to be reported at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.reading.file_kinds import HEAD_BYTES, HEIC, HEIF_SUFFIXES, has_heif, kind_of
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

IMAGE_SUFFIXES = (
    frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"})
    | {".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif"}
    | HEIF_SUFFIXES
)

HIDDEN = "hidden"
"""The reason for names that begin with a dot: no warning is needed."""


@dataclass(frozen=True)
class Ignored:
    """Why a file, or a folder with all its content, is left out.

    Attributes:
        reason: short, the same for all of one kind, so that they can be reported together.
        needs_attention: whether it may be an image that the user expects to be used.
    """

    reason: str
    needs_attention: bool = False


@dataclass(frozen=True)
class Listing:
    """The content of a folder.

    Attributes:
        files: paths of possible images, relative to the folder, with /; sorted.
        ignored: path -> why, for every other file, and for folders that were not entered. Names
            that are no valid text are escaped with backslashes.
    """

    files: list[str]
    ignored: dict[str, Ignored]


def list_images(root: Path) -> Listing:
    """List a folder at any depth. Links to folders are followed, each folder once.

    Returns:
        Every file below, once: as a possible image, or ignored with a reason. The result is
        independent of the order in which the file system lists files.

    Raises:
        ArtstyleError: if the folder itself cannot be listed.
    """
    files: list[str] = []
    ignored: dict[str, Ignored] = {}
    seen = {_identity(root): "."}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root, folder, ignored):
            path = f"{folder}{entry.name}"
            reason = _reason_to_ignore(entry, seen)
            if reason is not None:
                ignored[printable(path)] = reason
            elif entry.is_dir():
                seen[_identity(Path(entry.path))] = printable(path)
                waiting.append(f"{path}/")
            else:
                files.append(path)
    return Listing(sorted(files), ignored)


def report_ignored(ignored: Mapping[str, Ignored], reporter: Reporter) -> None:
    """Report ignored files, one line per reason; a warning where they need attention.

    Args:
        ignored: path -> why.
        reporter: where the lines go.
    """
    by_reason: dict[Ignored, list[str]] = {}
    for path, why in sorted(ignored.items()):
        # Hidden files belong to the file system; naming them would hide what matters.
        if why.reason != HIDDEN:
            by_reason.setdefault(why, []).append(path)
    for why, paths in sorted(by_reason.items(), key=lambda item: item[0].reason):
        if why.needs_attention:
            reporter.warn(f"{len(paths)} ignored: {why.reason}: {examples(paths)}.")
        else:
            reporter.info(f"Ignored, {why.reason}: {examples(paths)}.")


def printable(name: str | Path) -> str:
    """Return a name as valid text, which a file's name need not be."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def unopened(error: OSError) -> Ignored:
    """Return why a file or folder is ignored that cannot be opened."""
    return Ignored(f"cannot be opened: {error.strerror or error}", needs_attention=True)


def _entries(root: Path, folder: str, ignored: dict[str, Ignored]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            # Sorted, because of two links to one folder only the first counts. Real folders come
            # before links.
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        if not folder:
            raise ArtstyleError("The images cannot be listed", received=str(error)) from error
        ignored[printable(folder.rstrip("/"))] = unopened(error)
        return []


def _reason_to_ignore(
    entry: os.DirEntry[str], seen: Mapping[tuple[int, int], str]
) -> Ignored | None:
    if entry.name.startswith("."):
        return Ignored(HIDDEN)
    try:
        if entry.is_dir():
            already = seen.get(_identity(Path(entry.path)))
            return None if already is None else Ignored(f"leads to the folder {already} again")
        if not entry.is_file():  # Reading a named pipe would never end.
            leads_nowhere = entry.is_symlink() and not Path(entry.path).exists()
            return Ignored("a broken link" if leads_nowhere else "not a regular file", True)
        return _why_no_image(Path(entry.path))
    except OSError as error:
        return unopened(error)


def _why_no_image(file: Path) -> Ignored | None:
    """Check the content of files whose suffix is not one of those that are read."""
    suffix = file.suffix.lower()
    if suffix in IMAGE_SUFFIXES and (suffix not in HEIF_SUFFIXES or has_heif()):
        return None
    with file.open("rb") as opened:
        kind = kind_of(opened.read(HEAD_BYTES), suffix)
    if suffix in HEIF_SUFFIXES:
        # Some .heic files are JPEGs; damaged ones are reported when they are read.
        return Ignored(str(kind), needs_attention=True) if kind is HEIC else None
    if kind is None or not kind.is_image:
        return Ignored(f"not an image ({suffix or 'no suffix'})")
    if kind.is_read or (kind is HEIC and has_heif()):
        named = suffix or "no suffix"
        return Ignored(f"not an image ({named}), but its content is {kind.name}: rename it", True)
    return Ignored(str(kind), needs_attention=True)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
