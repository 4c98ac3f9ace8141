"""Run trials in separate processes, a few at a time.

Keras leaks memory with every network it builds, and a trial may be killed for lack of memory; so
each has a process that ends with it. Starting one would cost the seconds that importing TensorFlow
takes. Therefore they are forked from a server that has imported everything and computed nothing:
TensorFlow cannot be forked once it has threads.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from artstyle_tf.system.interruption import safe_point
from artstyle_tf.tuning.trial_life import serve

_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Event:
    """An event of a trial.

    Attributes:
        key: of the trial.
        kind: report (of a step and a value), message, done (with the result), pruned or failed
            (with the reason), killed (with what is known).
        content: see kind.
        seconds: since the trial was started.
    """

    key: Hashable
    kind: Literal["report", "message", "done", "pruned", "failed", "killed"]
    content: Any
    seconds: float


@dataclass
class _Running:
    process: BaseProcess
    connection: Connection
    started: float


class TrialProcesses:
    """Starts trials and receives their events.

    Args:
        num_workers: trials at a time.
        preload: modules that trials need, imported once.
        log_file: for the output of trials and libraries.
        num_threads: for each trial.
    """

    def __init__(
        self, num_workers: int, *, preload: Sequence[str], log_file: Path, num_threads: int
    ) -> None:
        self.num_workers = num_workers
        self._log_file = log_file
        self._num_threads = num_threads
        self._running: dict[Hashable, _Running] = {}
        if "forkserver" not in multiprocessing.get_all_start_methods():  # as on Windows
            self._context = multiprocessing.get_context("spawn")
            return
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        with _silent_descriptors():
            from multiprocessing import forkserver

            forkserver.ensure_running()

    @property
    def running(self) -> list[Hashable]:
        """Keys of the running trials."""
        return list(self._running)

    @property
    def has_room(self) -> bool:
        """Whether another trial can be started."""
        return len(self._running) < self.num_workers

    def start(self, key: Hashable, function: str, job: Any) -> None:
        """Start a trial.

        Args:
            key: identifies it in events.
            function: "module:function", called with the job and a `TrialLink`.
            job: can be pickled.
        """
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve, args=(theirs, function, job, str(self._log_file), self._num_threads)
        )
        process.start()
        theirs.close()
        self._running[key] = _Running(process, ours, time.monotonic())

    def process_id(self, key: Hashable) -> int | None:
        """Return the process id of a running trial."""
        return self._running[key].process.pid

    def answer(self, key: Hashable, *, prune: bool) -> None:
        """Answer a report; the trial waits for it."""
        with contextlib.suppress(OSError):  # it has just been killed: there is an event for that
            self._running[key].connection.send(prune)

    def events(self, timeout: float) -> list[Event]:
        """Return new events; wait for one at most `timeout` seconds."""
        keys = {running.connection: key for key, running in self._running.items()}
        if not keys:
            time.sleep(timeout)
            return []
        return [
            self._event(keys[connection])
            for connection in wait(list(keys), timeout)
            if isinstance(connection, Connection)
        ]

    def _event(self, key: Hashable) -> Event:
        running = self._running[key]
        seconds = time.monotonic() - running.started
        try:
            kind, content = running.connection.recv()
        except (EOFError, OSError):
            kind, content = "killed", None
        if kind not in ("report", "message"):
            running.process.join(_SECONDS_TO_END)
            running.process.kill()
            running.process.join()
            content = _describe_end(running.process.exitcode) if kind == "killed" else content
            running.connection.close()
            del self._running[key]
        return Event(key, kind, content, seconds)

    def stop(self) -> None:
        """Kill all trials."""
        for running in self._running.values():
            running.process.kill()
        for running in self._running.values():
            running.process.join()
            running.connection.close()
        self._running.clear()

    def run_alone(
        self, function: str, job: Any, on_message: Callable[[str], None], *, what: str
    ) -> Any:
        """Run a function that is not a trial and return its result.

        Args:
            function: see `start`.
            job: see `start`.
            on_message: called with its messages.
            what: description, for the error.

        Raises:
            RuntimeError: if it failed by an error of the program.
            ArtstyleError: if it failed by an error of the user.
        """
        self.start(what, function, job)
        try:
            while True:
                for event in self.events(0.5):
                    if event.kind == "message":
                        on_message(event.content)
                    elif event.kind == "done":
                        return event.content
                    elif event.kind == "failed" and event.content["error"] is not None:
                        raise event.content["error"]
                    else:
                        safe_point()  # a request to end the program may have killed it
                        raise RuntimeError(f"{what}: {event.content}")
                safe_point()
        finally:
            self.stop()


def _describe_end(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"killed by {name}" + (", e.g. for lack of memory" if name == "SIGKILL" else "")
    return f"ended without a result, exit code {exit_code}"


@contextlib.contextmanager
def _silent_descriptors() -> Iterator[None]:
    """Discard what the server prints, such as lines of TensorFlow's native code."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        for standard, descriptor in zip((1, 2), saved, strict=True):
            os.dup2(descriptor, standard)
            os.close(descriptor)
