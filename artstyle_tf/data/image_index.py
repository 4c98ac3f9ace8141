"""Folders of pictures -> one table. Nothing is decoded here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from artstyle_tf.data.picture_groups import compile_group_pattern, find_groups
from artstyle_tf.data.picture_tables import examples
from artstyle_tf.data.split_folders import FolderLayout, recognize_layout
from artstyle_tf.data.style_folders import (
    PICTURE_SUFFIXES,
    check_root,
    check_styles,
    style_folders,
)
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.reporting import SILENT, Reporter
from artstyle_tf.threads import map_in_threads

_HASHING_THREADS = 8  # More than cores: on network disks the threads mostly wait.


@dataclass(frozen=True)
class ImageIndex:
    """What lies in a folder of style folders.

    Attributes:
        root: the folder.
        pictures: sorted by path; columns path (relative to root, with /), label (the style folder's
            name), group (pictures that must stay together), digest (SHA-256 of the file, hex),
            size_bytes; and folder_split (train, val or test) where the folders are a split.
        ignored: sorted by path; columns path, reason.
    """

    root: Path
    pictures: pd.DataFrame
    ignored: pd.DataFrame

    @property
    def class_names(self) -> tuple[str, ...]:
        """The styles, sorted; a style's position is its class id."""
        return tuple(sorted(self.pictures["label"].unique()))


def index_images(
    root: Path,
    *,
    group_pattern: str | None = None,
    group_file: Path | None = None,
    fewest_styles: int = 2,
    reporter: Reporter = SILENT,
) -> ImageIndex:
    """Lists the pictures of an image folder: one folder per style, any depth below.

    Args:
        root: folder of the style folders.
        group_pattern: regular expression searched in each file name. What its group called
            `group`, or else its first group, or else the whole expression matches is the picture's
            group, e.g. the artist. A picture without a match is a group of its own.
        group_file: CSV file with columns path and group instead of a pattern.
        fewest_styles: that must have pictures; 1 for who only wants to look at them.
        reporter: where progress and what was ignored go.

    Returns:
        The index, independent of the order in which the file system lists files. Folders of a
        split, above the styles or below, are recognized; see `split_folders`.

    Raises:
        ArtstyleError: if there are not enough styles with pictures, the folders look like a split
            and contradict it, or the groups cannot be determined.
    """
    root = Path(root)
    if group_pattern is not None and group_file is not None:
        raise ArtstyleError(
            "Groups come from a pattern or from a file, not from both",
            received=f"group_pattern={group_pattern!r}, group_file={str(group_file)!r}",
        )
    pattern = None if group_pattern is None else compile_group_pattern(group_pattern)
    check_root(root)
    files, ignored = _list_files(root)
    layout = recognize_layout(files)
    check_styles(root, map(layout.label, files), fewest_styles)
    pictures = _hash_files(root, files, ignored, reporter)
    pictures["label"] = pictures["path"].map(layout.label)
    check_styles(root, pictures["label"], fewest_styles)
    for folder in _empty_folders(root, layout, pictures["path"], ignored):
        ignored[_printable(folder)] = "a folder without pictures"
    pictures["group"] = find_groups(
        list(pictures["path"]), root=root, pattern=pattern, file=group_file, reporter=reporter
    )
    pictures = pictures[["path", "label", "group", "digest", "size_bytes"]]
    if layout.splits:
        pictures["folder_split"] = pictures["path"].map(layout.split)
    index = ImageIndex(root, pictures, _table_of_ignored(ignored))
    _report(index, reporter)
    return index


def _list_files(root: Path) -> tuple[list[str], dict[str, str]]:
    """Walks through the style folders; returns paths of possible pictures, and what was ignored."""
    files: list[str] = []
    ignored: dict[str, str] = {}
    seen = {_identity(root): "."}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root, folder, ignored):
            path = f"{folder}{entry.name}"
            reason = _reason_to_ignore(entry, seen, in_root=folder == "")
            if reason is not None:
                ignored[_printable(path)] = reason
            elif entry.is_dir():
                seen[_identity(Path(entry.path))] = path
                waiting.append(f"{path}/")
            else:
                files.append(path)
    return sorted(files), ignored


def _entries(root: Path, folder: str, ignored: dict[str, str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            # Sorted, because of two links to one folder only the first counts. Real folders come
            # before links.
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        if not folder:
            raise ArtstyleError("The pictures cannot be listed", received=str(error)) from error
        ignored[folder.rstrip("/")] = f"cannot be opened: {error.strerror or error}"
        return []


def _reason_to_ignore(
    entry: os.DirEntry[str], seen: dict[tuple[int, int], str], *, in_root: bool
) -> str | None:
    if entry.name.startswith("."):
        return "hidden"
    if _printable(entry.name) != entry.name:
        return "its name is not valid UTF-8"
    try:
        if entry.is_dir():
            already = seen.get(_identity(Path(entry.path)))
            return None if already is None else f"leads to the folder {already} again"
        if not entry.is_file():  # A named pipe would be waited for without end.
            leads_nowhere = entry.is_symlink() and not Path(entry.path).exists()
            return "a broken link" if leads_nowhere else "not a regular file"
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"
    suffix = Path(entry.name).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        return f"not a picture ({suffix or 'no suffix'})"
    return "lies beside the style folders, not in one" if in_root else None


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _hash_files(
    root: Path, files: list[str], ignored: dict[str, str], reporter: Reporter
) -> pd.DataFrame:
    def fingerprint(path: str) -> tuple[str, int] | OSError:
        try:
            with (root / path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return digest, file.tell()
        except OSError as error:
            return error

    rows = []
    results = map_in_threads(fingerprint, files, num_threads=_HASHING_THREADS)
    tracked = reporter.track(results, total=len(files), description="Looking at the files")
    for path, result in zip(files, tracked, strict=True):
        if isinstance(result, OSError):
            ignored[path] = f"cannot be opened: {result.strerror or result}"
        else:
            rows.append((path, *result))
    return pd.DataFrame(rows, columns=["path", "digest", "size_bytes"])


def _empty_folders(
    root: Path, layout: FolderLayout, paths: Iterable[str], ignored: Mapping[str, str]
) -> list[str]:
    """Folders that would be a style, or a part of a split, if they held images."""
    filled = {"/".join(path.split("/")[:depth]) for path in paths for depth in (1, 2)}
    candidates = style_folders(root)
    if layout.splits:
        tops = [top for top in candidates if top in filled]
        candidates += [f"{top}/{name}" for top in tops for name in style_folders(root / top)]
    return [folder for folder in candidates if folder not in filled and folder not in ignored]


def _table_of_ignored(ignored: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(sorted(ignored.items()), columns=["path", "reason"], dtype=str)


def _report(index: ImageIndex, reporter: Reporter) -> None:
    # Hidden files are a file system's own business; naming them would hide what matters.
    worth_saying = index.ignored[index.ignored["reason"] != "hidden"]
    for reason, rows in worth_saying.groupby("reason"):
        reporter.info(f"Ignored, {reason}: {examples(rows['path'])}.")
