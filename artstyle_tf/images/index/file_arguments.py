"""Files, folders and patterns of a command line -> image files."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.images.index.image_listing import IMAGE_SUFFIXES, Ignored, list_images, printable
from artstyle_tf.system.errors import ArtstyleError

STDIN = "-"
"""The argument for a list of names on stdin."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MAX_REASONS = 3


@dataclass(frozen=True)
class NamedImages:
    """The images that arguments name.

    Attributes:
        files: each once, in the order of the names; in a folder sorted, files before subfolders.
        ignored: path -> why, for everything else in the folders.
    """

    files: list[Path]
    ignored: dict[str, Ignored]


def check_names(names: Sequence[str]) -> None:
    """Check that the arguments of `list_named_images`, or `STDIN`, exist; nothing is read.

    Raises:
        ArtstyleError: if there are none, or one does not exist.
    """
    if not names:
        raise ArtstyleError(
            "No images are given",
            expected="files, folders or patterns; - for a list on stdin, one per line",
        )
    for name in names:
        if name != STDIN and not Path(name).exists():
            _matches(name)


def list_named_images(names: Iterable[str]) -> NamedImages:
    """Find the images that are named.

    Names are files with any suffix; folders, for all that `list_images` finds in them; patterns
    such as `scans/*.tif`.

    Raises:
        ArtstyleError: if a name does not exist, or there is no image at all.
    """
    named = NamedImages([], {})
    for name in names:
        _add(name, named)
    files = list(dict.fromkeys(named.files))
    # A file that is ignored in a folder may be named by another argument.
    used = {printable(path) for path in files}
    ignored = {path: why for path, why in named.ignored.items() if path not in used}
    if not files:
        raise ArtstyleError(
            "There are no images to predict",
            received=_count_reasons(ignored),
            expected="files, folders or patterns; images end in "
            + ", ".join(sorted(IMAGE_SUFFIXES)),
        )
    return NamedImages(files, ignored)


def _add(name: str, named: NamedImages) -> None:
    path = Path(name)
    if path.is_dir() or path.is_file():
        _add_existing(path, named)
    else:
        for match in _matches(name):
            _add_existing(Path(match), named)


def _matches(pattern: str) -> list[str]:
    """Return the matches of a pattern, at least one."""
    if _URL.match(pattern):
        raise ArtstyleError(
            "Images are not fetched from the network",
            received=pattern,
            expected="files or folders of this machine",
            fix="download it first; the address of a server goes to --url",
        )
    # A pattern may be absolute, which Path.glob refuses.
    matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []  # noqa: PTH207
    if not matches:
        raise ArtstyleError(
            "There is no such image",
            received=pattern,
            expected="a file, a folder or a pattern that matches some files",
        )
    return matches


def _add_existing(path: Path, named: NamedImages) -> None:
    if path.is_dir():
        listing = list_images(path)
        named.files.extend(path / file for file in sorted(listing.files, key=_files_first))
        ignored = {printable(path / each): why for each, why in listing.ignored.items()}
        named.ignored.update(ignored)
    elif path.is_file():
        named.files.append(path)
    else:  # one of many matches of a pattern, which is no reason to refuse the others
        reason = "a broken link" if path.is_symlink() else "not a regular file"
        named.ignored[printable(path)] = Ignored(reason, needs_attention=True)


def _files_first(path: str) -> list[tuple[bool, str]]:
    *folders, file = path.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


def _count_reasons(ignored: dict[str, Ignored]) -> str | None:
    """List the most important reasons, with how often each occurs."""
    counts = Counter(ignored.values())
    if not counts:
        return None
    order = sorted(counts, key=lambda why: (not why.needs_attention, -counts[why], why.reason))
    reasons = "; ".join(f"{counts[why]} x {why.reason}" for why in order[:_MAX_REASONS])
    return f"{len(ignored)} files that are ignored: {reasons}"
