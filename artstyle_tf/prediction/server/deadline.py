"""Work that a server can draw out, ended in time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from artstyle_tf.system.interruption import safe_point

Result = TypeVar("Result")

_SECONDS_BETWEEN_SAFE_POINTS = 0.1


class Connections:
    """The connection that a piece of work has opened last, so that somebody else can end it.

    A second handle of it is kept: what the work itself holds may be wrapped for encryption while
    the server still draws out the handshake.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._is_ended = False

    def check(self) -> None:
        """Fail if the work has been given up.

        Raises:
            TimeoutError: if so.
        """
        if self._is_ended:
            raise TimeoutError

    def add(self, connection: socket.socket) -> None:
        """Note a connection instead of the one before; end it if the work has been given up."""
        handle = connection.dup()
        with self._lock:
            before, self._handle = self._handle, handle
            is_ended = self._is_ended
        if before is not None:
            before.close()
        if is_ended:
            self.end()

    def forget(self) -> None:
        """Let go of the handle, not of the connection."""
        with self._lock:
            handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def end(self) -> None:
        """End the connection, and those that are still to be opened."""
        with self._lock:
            self._is_ended = True
            handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(OSError), handle:
                handle.shutdown(socket.SHUT_RDWR)


def within(seconds: float, work: Callable[[], Result], give_up: Callable[[], None]) -> Result:
    """Do some work, all of it within one time, however little each of its steps waits.

    Timeouts of sockets are for one operation each: a server that sends a byte now and then is
    never too late for them. So the work has a thread of its own, which is left behind if need be.

    Args:
        seconds: for all of it.
        work: done in another thread.
        give_up: ends the work's connections, so that its thread ends soon.

    Raises:
        TimeoutError: if it takes longer.
        KeyboardInterrupt: if Ctrl-C was pressed meanwhile.
        Exception: whatever the work raises.
    """
    running = _Running(work)
    end = time.monotonic() + seconds
    try:
        while not running.wait(min(end - time.monotonic(), _SECONDS_BETWEEN_SAFE_POINTS)):
            safe_point()
            if time.monotonic() >= end:
                raise TimeoutError
    except BaseException:
        give_up()
        raise
    return running.result()


def endable(kind: type[Any], connections: Connections) -> type[Any]:
    """A kind of socket that reads nothing more once the work has been given up.

    To shut a connection down wakes who waits for it, but what a server still pours into it can be
    read on and on.
    """

    class Endable(kind):
        def recv_into(self, *arguments: Any) -> int:
            connections.check()
            return super().recv_into(*arguments)

    return Endable


class _Running(Generic[Result]):
    """Work in a thread that does not keep the program from ending."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._is_done = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Whether it is done, now or within some seconds."""
        return self._is_done.wait(max(seconds, 0))

    def result(self) -> Result:
        """What the work has returned, or raises what it has raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # raised again by who asked for the work
            self._error = error
        finally:
            self._is_done.set()
