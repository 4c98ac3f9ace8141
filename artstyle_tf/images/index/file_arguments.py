"""What somebody names on a command line -> image files."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.images.index.image_listing import IMAGE_SUFFIXES, Ignored, list_images, printable
from artstyle_tf.system.errors import ArtstyleError

STDIN = "-"
"""The name that stands for a list of names on stdin."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MOST_REASONS = 3


@dataclass(frozen=True)
class NamedImages:
    """What names on a command line stand for.

    Attributes:
        files: each once, in the order of the names; in a folder sorted, files before subfolders.
        ignored: path -> why, for everything else in the folders.
    """

    files: list[Path]
    ignored: dict[str, Ignored]


def check_names(names: Sequence[str]) -> None:
    """Checks that names lead somewhere, without looking for images there.

    Args:
        names: as for `list_named_images`, and `STDIN`, which is not read.

    Raises:
        ArtstyleError: if there are none, or one leads nowhere.
    """
    if not names:
        raise ArtstyleError(
            "Which images?",
            expected="files, folders or patterns; - for a list on stdin, one a line",
        )
    for name in names:
        if name != STDIN and not Path(name).exists():
            _matches(name)


def list_named_images(names: Iterable[str]) -> NamedImages:
    """Finds the images that are meant.

    Args:
        names: files, whatever their suffix; folders, which stand for all that `list_images` finds
            in them; patterns such as `scans/*.tif`.

    Returns:
        The images, and what was left out.

    Raises:
        ArtstyleError: if a name leads nowhere, or there is no image at all.
    """
    named = NamedImages([], {})
    for name in names:
        _add(name, named)
    files = list(dict.fromkeys(named.files))
    # What lies ignored in one folder may be meant by another name.
    meant = {printable(path) for path in files}
    ignored = {path: why for path, why in named.ignored.items() if path not in meant}
    if not files:
        raise ArtstyleError(
            "There are no images to look at",
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
    """What fits a pattern; at least one name."""
    if _URL.match(pattern):
        raise ArtstyleError(
            "Images are not fetched from the network",
            received=pattern,
            expected="files or folders of this machine",
            fix="download it first; the address of a server that answers goes to --url",
        )
    # A pattern may be absolute, which Path.glob refuses.
    matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []  # noqa: PTH207
    if not matches:
        raise ArtstyleError(
            "There is no such image",
            received=pattern,
            expected="a file, a folder or a pattern that fits some files",
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
    else:  # one of many that fit a pattern, which is no reason to refuse the others
        reason = "a broken link" if path.is_symlink() else "not a regular file"
        named.ignored[printable(path)] = Ignored(reason, needs_attention=True)


def _files_first(path: str) -> list[tuple[bool, str]]:
    *folders, file = path.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


def _count_reasons(ignored: dict[str, Ignored]) -> str | None:
    """The reasons that matter most, with how often each occurs."""
    counts: dict[Ignored, int] = {}
    for why in ignored.values():
        counts[why] = counts.get(why, 0) + 1
    if not counts:
        return None
    order = sorted(counts, key=lambda why: (not why.needs_attention, -counts[why], why.reason))
    told = "; ".join(f"{counts[why]} x {why.reason}" for why in order[:_MOST_REASONS])
    return f"{len(ignored)} files that are ignored: {told}"
