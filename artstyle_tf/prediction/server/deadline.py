"""Work that a server can draw out, ended in time."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from artstyle_tf.system.interruption import safe_point

Result = TypeVar("Result")

_SECONDS_BETWEEN_SAFE_POINTS = 0.1


class Deadline:
    """The moment at which work has to be done; none before the first `begin`."""

    def __init__(self) -> None:
        self._end = math.inf

    def begin(self, seconds: float) -> None:
        """Set it so many seconds from now; 0 gives up work that is still being done."""
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """How long an operation may wait.

        Raises:
            TimeoutError: if nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Do some work in a thread of its own, which is left behind if it takes too long.

    That ends the wait for everything that has no limit of its own, such as the name of a host or
    one address after the other.

    Args:
        seconds: for all of it; may be infinite.
        work: done in another thread.

    Raises:
        TimeoutError: if it takes longer.
        KeyboardInterrupt: if Ctrl-C was pressed meanwhile.
        Exception: whatever the work raises.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # raised again by who asked for the work
            done.set_exception(error)

    deadline = Deadline()
    deadline.begin(seconds)
    threading.Thread(target=run, daemon=True).start()
    while not wait([done], min(deadline.seconds_left(), _SECONDS_BETWEEN_SAFE_POINTS)).done:
        safe_point()
    return done.result()


def ending(kind: type[Any], deadline: Deadline) -> type[Any]:
    """A kind of socket none of whose operations waits beyond the deadline.

    The timeout of a socket is for one operation: a server that sends a byte now and then, or pours
    what does not count as an answer, is never too late for it. So what is left is set anew before
    each, which also ends the thread that `within` leaves behind.

    Args:
        kind: `socket.socket` or `ssl.SSLSocket`.
        deadline: of the request that uses the socket.
    """

    class Ending(kind):
        def recv_into(self, *arguments: Any) -> int:
            while True:  # in short pieces, because the work may be given up meanwhile
                self.settimeout(min(deadline.seconds_left(), _SECONDS_BETWEEN_SAFE_POINTS))
                with contextlib.suppress(TimeoutError):
                    return super().recv_into(*arguments)

        def send(self, *arguments: Any) -> int:  # piece by piece by an SSLSocket
            self.settimeout(deadline.seconds_left())
            return super().send(*arguments)

    return Ending
