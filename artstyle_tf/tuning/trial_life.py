"""The code inside a process of trials: it trains one after the other, and ends with its parent."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from artstyle_tf.system.files import is_about_room
from artstyle_tf.system.interruption import end_with_parent, ignore_requests_to_end
from artstyle_tf.system.memory import resident_bytes
from artstyle_tf.system.redaction import redacted
from artstyle_tf.system.standard_streams import prepare_standard_streams


class TrialPrunedError(Exception):
    """Raised inside a trial that is pruned."""


@dataclass(frozen=True)
class ProcessLimits:
    """How long a process serves trials. Keras leaks memory with every network it builds.

    Attributes:
        num_trials: so many.
        memory_bytes: ends after a trial that leaves more in memory; None for no limit.
    """

    num_trials: int
    memory_bytes: int | None


class TrialLink:
    """A trial's connection to the process that started it.

    Attributes:
        kept: what earlier trials of this process have left for later ones, by name.
    """

    def __init__(self, connection: Connection, kept: dict[str, Any]) -> None:
        self._connection = connection
        self.kept = kept

    def report(self, step: int, value: float) -> None:
        """Report an intermediate value.

        Raises:
            TrialPrunedError: if the trial is to be pruned.
        """
        self._connection.send(("report", (step, value), True))
        if self._connection.recv():
            raise TrialPrunedError(f"after step {step} with {value:.3f}")

    def send_message(self, message: str) -> None:
        """Send a message for the user."""
        self._connection.send(("message", message, True))


def serve(connection: Connection, log_file: str, num_threads: int, limits: ProcessLimits) -> None:
    """Run a process of trials: call their functions, send their results, and exit.

    The last message of a trial also says whether the process waits for another. It does not after
    a trial that failed, of which anything may be left.

    Args:
        connection: to the parent; receives (function, job), the function as "module:function" that
            is called with the job and a `TrialLink`.
        log_file: for everything that is printed.
        num_threads: of TensorFlow and BLAS.
        limits: how long it serves.
    """
    # The modules that the server has imported stay. Garbage collection of them takes time in every
    # trial, and copies their memory pages, which are shared until they are written to.
    gc.freeze()
    end_with_parent()
    ignore_requests_to_end()
    prepare_standard_streams()  # the disk of the log may be full
    _print_into(log_file)
    _limit_threads(num_threads)
    link = TrialLink(connection, kept={})
    for number in range(limits.num_trials):
        function, job = connection.recv()
        kind, content = _run(function, job, link)
        del job
        stays = kind != "failed" and number + 1 < limits.num_trials and _has_room(limits)
        connection.send((kind, content, stays))
        if not stays:
            break
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the clean-up, which threads of TensorFlow can block.
    os._exit(0)


def _run(function: str, job: Any, link: TrialLink) -> tuple[str, Any]:
    module, _, name = function.partition(":")
    try:
        return "done", getattr(importlib.import_module(module), name)(job, link)
    except TrialPrunedError as pruned:
        return "pruned", str(pruned)
    except BaseException as error:
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
        return "failed", _describe_failure(error)


def _has_room(limits: ProcessLimits) -> bool:
    if limits.memory_bytes is None or resident_bytes() <= limits.memory_bytes:
        return True
    gc.collect()  # a model is a cycle of references
    return resident_bytes() <= limits.memory_bytes


def _print_into(log_file: str) -> None:
    descriptor = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def _limit_threads(num_threads: int) -> None:
    """Limit threads; TensorFlow reads these variables at its first computation, BLAS is loaded."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(num_threads)
    from threadpoolctl import threadpool_limits

    threadpool_limits(num_threads)


def _describe_failure(error: BaseException) -> dict[str, Any]:
    from artstyle_tf.system.errors import ArtstyleError

    known = {"error": None, "no_room": _is_for_lack_of_room(error)}
    if isinstance(error, ArtstyleError):
        return {**known, "reason": str(error), "error": error}
    if isinstance(error, MemoryError):
        return {**known, "reason": f"out of memory: {error}"}
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return {**known, "reason": redacted(text)[:500]}


def _is_for_lack_of_room(error: BaseException | None) -> bool:
    """Return whether a full disk is the cause, which is not the fault of the trial's values."""
    while error is not None:
        if isinstance(error, OSError) and is_about_room(error):
            return True
        error = error.__cause__ or error.__context__
    return False
