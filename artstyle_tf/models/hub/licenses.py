"""The license that a preset's folder names."""

from __future__ import annotations

import re
from pathlib import Path

UNKNOWN = "see the preset's page"

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)
_LICENSE = re.compile(r"^license(?:_name)?:\s*['\"]?([^\s'\"#]+)", re.MULTILINE)
_MOST_CHARACTERS = 2**16


def folder_license(folder: Path) -> str:
    """Return the license of the weights in a folder, as it is named there.

    It is `license` in the front matter of README.md, which Hugging Face has, or the first line of
    a file LICENSE.
    """
    if match := _FRONT_MATTER.match(_start_of(folder / "README.md")):
        named = dict.fromkeys(_LICENSE.findall(match[1]))
        # "other" says that the next line has the name.
        if known := [name for name in named if name != "other"]:
            return known[0]
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md"):
        lines = [line.strip(" #*") for line in _start_of(folder / name).splitlines()]
        if first := next(filter(None, lines), None):
            return first[:80]
    return UNKNOWN


def _start_of(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MOST_CHARACTERS)
    except OSError:
        return ""
