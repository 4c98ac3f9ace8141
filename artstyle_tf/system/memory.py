"""Memory of this process and of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Limits of a container, of version 2 and of version 1; without a limit a word or a huge number.
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def resident_bytes() -> int:
    """Return the memory of this process without mapped files, which the system can drop.

    Where that is unknown, its peak with them; on Windows 0.
    """
    try:
        _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def usable_bytes() -> int | None:
    """Return the memory of the machine, or of the container if that has less; None if unknown."""
    known = [int(text) for text in map(_read, _LIMIT_FILES) if text.isdigit()]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(known) if known else None


def _read(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""
