"""Run trials in separate processes, a few at a time.

A trial may be killed for lack of memory, and takes only its own process along. A process serves
trials one after the other, which saves each of them the seconds that building and tracing a
network takes; since Keras leaks memory with every network it builds, it is replaced after a number
of trials, or when it holds too much. Starting one would cost the seconds that importing TensorFlow
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
from artstyle_tf.system.memory import usable_bytes
from artstyle_tf.tuning.trial_life import ProcessLimits, serve

TRIALS_PER_PROCESS = 50
"""After so many trials a process is replaced."""

ONE_TRIAL = ProcessLimits(num_trials=1, memory_bytes=None)
"""Limits that give each trial a process of its own."""

_SHARE_OF_MEMORY = 0.5
"""Of the machine's memory that all processes together may hold after their trials."""

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
class _Worker:
    """A process, and when its current trial was started."""

    process: BaseProcess
    connection: Connection
    started: float = 0.0

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class TrialProcesses:
    """Starts trials and receives their events.

    Args:
        num_workers: trials at a time.
        preload: modules that trials need, imported once.
        log_file: for the output of trials and libraries.
        num_threads: for each trial.
        limits: how long a process serves; None for `TRIALS_PER_PROCESS` and its share of half of
            the machine's memory.
    """

    def __init__(
        self,
        num_workers: int,
        *,
        preload: Sequence[str],
        log_file: Path,
        num_threads: int,
        limits: ProcessLimits | None = None,
    ) -> None:
        self.num_workers = num_workers
        self._log_file = log_file
        self._num_threads = num_threads
        self._limits = limits or _usual_limits(num_workers)
        self._running: dict[Hashable, _Worker] = {}
        self._idle: list[_Worker] = []
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
        while self._idle:
            worker = self._idle.pop()
            try:
                worker.connection.send((function, job))
            except OSError:
                worker.end()  # it was killed while it waited, which is no trial's loss
                continue
            break
        else:
            worker = self._new_worker()
            with contextlib.suppress(OSError):  # killed already: there is an event for that
                worker.connection.send((function, job))
        worker.started = time.monotonic()
        self._running[key] = worker

    def _new_worker(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve, args=(theirs, str(self._log_file), self._num_threads, self._limits)
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)

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
        worker = self._running[key]
        seconds = time.monotonic() - worker.started
        try:
            kind, content, stays = worker.connection.recv()
        except (EOFError, OSError):
            kind, content, stays = "killed", None, False
        if kind not in ("report", "message"):
            del self._running[key]
            if stays:
                self._idle.append(worker)
            else:
                worker.process.join(_SECONDS_TO_END)
                worker.end()
                content = _describe_end(worker.process.exitcode) if kind == "killed" else content
        return Event(key, kind, content, seconds)

    def stop(self) -> None:
        """Kill all trials, and the processes that wait for one."""
        workers = [*self._running.values(), *self._idle]
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end()
        self._running.clear()
        self._idle.clear()

    def run_alone(
        self, function: str, job: Any, on_message: Callable[[str], None], *, what: str
    ) -> Any:
        """Run a function that is not a trial, in a process of its own, and return its result.

        Args:
            function: see `start`.
            job: see `start`.
            on_message: called with its messages.
            what: description, for the error.

        Raises:
            RuntimeError: if it failed by an error of the program.
            ArtstyleError: if it failed by an error of the user.
        """
        self.stop()
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


def _usual_limits(num_workers: int) -> ProcessLimits:
    usable = usable_bytes()
    memory = None if usable is None else int(usable * _SHARE_OF_MEMORY / num_workers)
    return ProcessLimits(TRIALS_PER_PROCESS, memory)


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
