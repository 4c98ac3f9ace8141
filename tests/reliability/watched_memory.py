"""Measure the memory of a program and its children together."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass
class Watched:
    """Result of a program and its peak memory.

    Attributes:
        code: exit code.
        out: of stdout.
        err: of stderr.
        peak_mb: most MB at once of the program and all its children; shared memory counts once.
        seconds: that it took.
    """

    code: int
    out: str
    err: str
    peak_mb: float
    seconds: float


def run_watched(script: Path, *arguments: str, cwd: Path, most_seconds: float) -> Watched:
    """Run a Python script.

    Raises:
        TimeoutError: if it takes longer.
    """
    began, peak = time.monotonic(), 0.0
    out, err = cwd / "watched.out", cwd / "watched.err"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments], cwd=cwd, stdout=stdout, stderr=stderr
        )
        while process.poll() is None:
            peak = max(peak, sum(_megabytes(pid) for pid in _family(process.pid)))
            if time.monotonic() - began > most_seconds:
                process.kill()
                process.wait()
                raise TimeoutError(f"more than {most_seconds} s")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    seconds = time.monotonic() - began
    return Watched(process.returncode, out.read_text(), err.read_text(), peak, seconds)


def _family(pid: int) -> list[int]:
    members = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # ended in the meantime
            continue
        for child in found:
            members += _family(int(child))
    return members


def _megabytes(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    except (OSError, ValueError):
        pass
    return 0.0
