"""Run a program in a new process, and measure its time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle_tf.system.errors import ArtstyleError

ROOT = Path(__file__).parents[1]

_SECONDS_TO_END = 20.0
_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


@dataclass(frozen=True)
class FinishedProcess:
    """What a program took.

    Attributes:
        wall_s: seconds from its start to its end.
        processor_s: seconds of all cores, user and system, of the program and all processes that
            it started.
        peak_memory_gb: peak resident memory of the largest of these processes, mapped files
            included.
        output: what it printed to stdout.
        messages: what it printed to stderr.
    """

    wall_s: float
    processor_s: float
    peak_memory_gb: float
    output: str
    messages: str


def run_measured(command: Sequence[str], *, folder: Path | None = None) -> FinishedProcess:
    """Run a program and wait for it; it imports artstyle_tf from this checkout.

    The memory of a process counts from before it executes the program, as a copy of the caller:
    a caller that has imported TensorFlow measures itself.

    Args:
        command: the program and its arguments.
        folder: working directory; None for the current one.

    Raises:
        ArtstyleError: if the program fails.
        KeyboardInterrupt: after Ctrl-C, when the program and all that it started have ended.
    """
    with (
        tempfile.TemporaryFile("w+", errors="replace") as output,
        tempfile.TemporaryFile("w+", errors="replace") as messages,
        _adopting_orphans(),
    ):
        process = None
        start = time.perf_counter()
        try:
            with _interrupts_deferred():
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,  # no pipes: processes that outlive it would keep them open
                    stderr=messages,
                    start_new_session=True,
                )
            # wait4 returns the usage of this child, and of those that it has waited for, only.
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - start
            exit_code = process.returncode = os.waitstatus_to_exitcode(status)
            usages = [usage, *_wait_for_session(process.pid)]
        finally:
            if process is not None:
                _end_session(process.pid)
                # After an interrupt, too, so that Popen knows that nothing is left to wait for.
                process.returncode = process.returncode or 0
        texts = []
        for file in (output, messages):
            file.seek(0)
            texts.append(file.read())
    if exit_code != 0:
        printed = (texts[1].strip() or texts[0].strip())[-1000:]
        raise ArtstyleError(f"This program failed: {' '.join(command)}", received=printed)
    return FinishedProcess(
        wall_s,
        sum(usage.ru_utime + usage.ru_stime for usage in usages),
        max(usage.ru_maxrss for usage in usages) / 2**20,
        *texts,
    )


def python_that_imports(module: str, *options: str) -> list[str]:
    """Return the command that imports a module, and nothing else.

    Args:
        module: its name.
        options: of the interpreter.
    """
    return [sys.executable, *options, "-c", f"import {module}"]


def _environment() -> dict[str, str]:
    path = os.environ.get("PYTHONPATH")
    both = str(ROOT) if path is None else f"{ROOT}{os.pathsep}{path}"
    # TensorFlow's messages about processors would interrupt lines of -X importtime.
    return {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, "PYTHONPATH": both}


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer Ctrl-C: a process is not known, and would not be ended, until Popen returns."""
    received: list[int] = []
    before = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if callable(handler := signal.getsignal(number))  # ignored signals stay so in the child
    }
    for number in before:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


@contextlib.contextmanager
def _adopting_orphans() -> Iterator[None]:
    """Become the parent of processes whose own parent has ended, so that they can be waited for.

    A fork server outlives the command that started it, and waits for the trials of a study. Only
    Linux can do this; elsewhere the time of such processes is not counted.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _wait_for_session(session: int) -> list[Any]:
    """Wait until no process of a session is left, not for long; return what they used."""
    usages = []
    deadline = time.monotonic() + _SECONDS_TO_END
    with contextlib.suppress(ChildProcessError):  # none is left
        while time.monotonic() < deadline:
            pid, _, usage = os.wait4(-session, os.WNOHANG)
            if pid:
                usages.append(usage)
            else:
                time.sleep(0.05)
    return usages


def _end_session(session: int) -> None:
    """End what is left of a session: nothing, unless the caller was interrupted."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(session, number)
        except ProcessLookupError:
            return
        _wait_for_session(session)
