"""What happens inside the process of a trial: it computes, reports and ends with its parent."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from artstyle_tf.system.files import is_about_room
from artstyle_tf.system.interruption import end_with_parent, ignore_requests_to_end
from artstyle_tf.system.redaction import redacted
from artstyle_tf.system.standard_streams import prepare_standard_streams


class TrialPrunedError(Exception):
    """Raised inside a trial that is given up."""


class TrialLink:
    """What a trial has of the one who started it.

    Args:
        connection: to there.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def report(self, step: int, value: float) -> None:
        """Reports a value on the way.

        Raises:
            TrialPrunedError: if the trial is to be given up.
        """
        self._connection.send(("report", (step, value)))
        if self._connection.recv():
            raise TrialPrunedError(f"after step {step} with {value:.3f}")

    def tell(self, message: str) -> None:
        """Lets a person know."""
        self._connection.send(("message", message))


def serve(connection: Connection, function: str, job: Any, log_file: str, num_threads: int) -> None:
    """The life of a trial's process: calls the function, sends what becomes of it, ends.

    Args:
        connection: to the one who started it.
        function: "module:function", called with the job and a `TrialLink`.
        job: what it gets.
        log_file: where everything goes that is printed.
        num_threads: of TensorFlow and BLAS.
    """
    # What the server has imported stays. Looking through it for garbage takes time in every trial,
    # and copies the pages that it lies on, which are shared until somebody writes to them.
    gc.freeze()
    end_with_parent()
    ignore_requests_to_end()
    prepare_standard_streams()  # the disk of the log may be full
    _print_into(log_file)
    _limit_threads(num_threads)
    module, _, name = function.partition(":")
    try:
        result = getattr(importlib.import_module(module), name)(job, TrialLink(connection))
        connection.send(("done", result))
    except TrialPrunedError as pruned:
        connection.send(("pruned", str(pruned)))
    except BaseException as error:
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
        connection.send(("failed", _describe_failure(error)))
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the clean-up that threads of TensorFlow can block.
    os._exit(0)


def _print_into(log_file: str) -> None:
    descriptor = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def _limit_threads(num_threads: int) -> None:
    """TensorFlow reads these when it computes for the first time; BLAS is there already."""
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
    """Whether a full disk is behind it, which is not the fault of what the trial tries."""
    while error is not None:
        if isinstance(error, OSError) and is_about_room(error):
            return True
        error = error.__cause__ or error.__context__
    return False
