"""Send requests over one persistent HTTP connection, each with a deadline and a size limit.

Connection, TLS, protocol and errors are urllib3's. Its timeouts are for one operation each, and its
responses may have any size; this module limits both.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import safe_point

Result = TypeVar("Result")

_SECONDS_BETWEEN_SAFE_POINTS = 0.1


class TransientFailure(Exception):  # noqa: N818  not an error yet
    """An attempt failed in a way that may be temporary; the message describes it."""


class _ConnectionClosedError(Exception):
    """The server has closed the connection, or no server listens there."""


@dataclass(frozen=True)
class HttpResponse:
    """A complete response.

    Attributes:
        status: code.
        body: bytes.
    """

    status: int
    body: bytes


class HttpConnection:
    """Keeps the connection open between requests, and reopens it if it was closed.

    Args:
        address: of the server.
        timeout_seconds: for one request, from its beginning to the last byte of its response.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._open()

    def request(
        self, method: str, path: str, body: bytes | None = None, *, most_bytes: int
    ) -> HttpResponse:
        """Send one request with a JSON body, once; the response may have `most_bytes`.

        Raises:
            TransientFailure: if no complete response came in time.
            ArtstyleError: if the host does not exist or is not trusted, or the response is too
                large.
        """
        is_whole = False
        # This pool, also in a thread that is abandoned: the next pool belongs to the next request.
        pool = self._pool
        attempt = functools.partial(self._attempt, pool, method, path, body, most_bytes)
        self._deadline.begin(self._timeout_seconds)
        try:
            response = within(self._timeout_seconds, lambda: _try_twice(pool, attempt))
            is_whole = True
            return response
        except TimeoutError:
            raise TransientFailure(f"no response within {self._timeout_seconds:g} s") from None
        except _ConnectionClosedError:
            raise TransientFailure("connection refused or closed") from None
        finally:
            if not is_whole:  # the rest of this response must not be read as the next one
                self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._deadline.begin(0)
        self._pool.close()
        self._open()

    def _open(self) -> None:
        """Create a pool of one connection, which observes the deadline of its requests."""
        self._deadline = Deadline()
        options: dict[str, Any] = {"timeout": self._timeout_seconds, "maxsize": 1, "retries": False}
        host, port = self._address.host, self._address.port
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            context.sslsocket_class = _ending(ssl.SSLSocket, self._deadline)
            self._pool = urllib3.HTTPSConnectionPool(host, port, ssl_context=context, **options)
            self._pool.ConnectionCls = _ending_connection(HTTPSConnection, self._deadline)
        else:
            self._pool = urllib3.HTTPConnectionPool(host, port, **options)
            self._pool.ConnectionCls = _ending_connection(HTTPConnection, self._deadline)

    def _attempt(
        self,
        pool: urllib3.HTTPConnectionPool,
        method: str,
        path: str,
        body: bytes | None,
        most_bytes: int,
    ) -> HttpResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = pool.urlopen(
                method, path, body, headers, redirect=False, preload_content=False
            )
            return self._read(response, most_bytes)
        except (exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            cause = _cause_of(error)
            if isinstance(cause, TimeoutError | exceptions.TimeoutError):
                raise TimeoutError from None
            if isinstance(cause, http.client.IncompleteRead):
                raise TransientFailure("incomplete response") from None
            if isinstance(cause, ConnectionError):
                raise _ConnectionClosedError from error
            raise self._not_a_server(cause) from error

    def _read(self, response: urllib3.BaseHTTPResponse, most_bytes: int) -> HttpResponse:
        try:
            # Compressed data is not decompressed: it was not requested, and little can become much.
            body = response.read(most_bytes + 1, decode_content=False)
            if len(body) > most_bytes:
                raise ArtstyleError(
                    f"The response of {self._address} is too large",
                    received=f"more than {most_bytes / 2**20:.3g} MiB",
                    fix="send fewer images at a time",
                )
            if response.length_remaining:  # `read` does not report a broken connection
                raise http.client.IncompleteRead(b"", response.length_remaining)
            response.release_conn()  # to be used again; else it is closed with the response
            return HttpResponse(response.status, body)
        finally:
            response.close()

    def _not_a_server(self, error: BaseException) -> ArtstyleError:
        fix = "check the address; the REST port of TensorFlow Serving is 8501"
        if isinstance(error, ssl.SSLError):
            fix = "use http:// if the server has no certificate, or install a trusted one"
        return ArtstyleError(
            f"The server {self._address} cannot be reached",
            received=" ".join(str(error).split()) or type(error).__name__,
            fix=fix,
        )


def _try_twice(
    pool: urllib3.HTTPConnectionPool, attempt: Callable[[], HttpResponse]
) -> HttpResponse:
    was_open = pool.num_connections > 0
    try:
        return attempt()
    except _ConnectionClosedError:
        if not was_open:
            raise
    # The server has closed the persistent connection in the meantime, which it may.
    return attempt()


def _cause_of(error: BaseException) -> BaseException:
    """Return the error that urllib3 has wrapped, which is more specific."""
    while isinstance(error, exceptions.HTTPError):
        if isinstance(error, http.client.IncompleteRead):
            return error
        wrapped = [x for x in (*error.args, error.__cause__) if isinstance(x, BaseException)]
        if not wrapped:
            return error
        error = wrapped[0]
    return error


class Deadline:
    """A point in time; infinitely far away before the first `begin`."""

    def __init__(self) -> None:
        self._end = math.inf

    def begin(self, seconds: float) -> None:
        """Set the deadline so many seconds from now; 0 ends work that is still running."""
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return how long an operation may wait; raise TimeoutError after the deadline."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Run work in a separate thread, which is abandoned if it takes too long.

    This limits operations that have no timeout, such as name resolution, or
    connecting to one address after the other.

    Raises:
        TimeoutError: if it takes longer.
        KeyboardInterrupt: if Ctrl-C was pressed meanwhile.
        Exception: any exception of the work.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # raised again by `result` below
            done.set_exception(error)

    deadline = Deadline()
    deadline.begin(seconds)
    threading.Thread(target=run, daemon=True).start()
    while not wait([done], min(deadline.seconds_left(), _SECONDS_BETWEEN_SAFE_POINTS)).done:
        safe_point()
    return done.result()


def _ending(kind: type[Any], deadline: Deadline) -> type[Any]:
    """Return a socket class none of whose operations waits beyond the deadline.

    A socket's timeout is for one operation: a server that sends a byte now and then, or data that
    is not part of a response, never exceeds it. So the remaining time is set before each operation,
    which also ends the thread that `within` abandons.
    """

    class Ending(kind):
        def recv_into(self, *arguments: Any) -> int:
            while True:  # in short waits, because the work may be abandoned meanwhile
                self.settimeout(min(deadline.seconds_left(), _SECONDS_BETWEEN_SAFE_POINTS))
                with contextlib.suppress(TimeoutError):
                    return super().recv_into(*arguments)

        def send(self, *arguments: Any) -> int:  # called for each chunk by an SSLSocket
            self.settimeout(deadline.seconds_left())
            return super().send(*arguments)

    return Ending


def _ending_connection(kind: type[Any], deadline: Deadline) -> type[Any]:
    """Return a connection class whose socket observes a deadline."""

    class EndingConnection(kind):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            timeout = opened.gettimeout()
            opened = _ending(socket.socket, deadline)(
                opened.family, opened.type, opened.proto, fileno=opened.detach()
            )
            opened.settimeout(timeout)
            return opened

    return EndingConnection
