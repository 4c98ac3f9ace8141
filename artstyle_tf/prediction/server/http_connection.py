"""Requests over one kept HTTP connection, each answered in time or not at all.

The connection, TLS, the protocol and its errors are urllib3's. Its timeouts are for one operation
each, and its answers may be as large as they like: what is here limits both.
"""

from __future__ import annotations

import functools
import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from artstyle_tf.prediction.server.deadline import Deadline, ending, within
from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError


class PassingFailure(Exception):  # noqa: N818  it is no error yet
    """An attempt failed in a way that may be over in a moment; says how."""


@dataclass(frozen=True)
class HttpAnswer:
    """What came back.

    Attributes:
        status: code.
        body: bytes.
    """

    status: int
    body: bytes


class _ConnectionClosedError(Exception):
    """The server has closed the connection, or nobody listens there."""


class HttpConnection:
    """Keeps the connection open between requests, and opens another if it was closed.

    Args:
        address: of the server.
        timeout_seconds: for one request, from its beginning to the last byte of its answer.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._open()

    def request(
        self, method: str, path: str, body: bytes | None = None, *, most_bytes: int
    ) -> HttpAnswer:
        """Sends one request, once.

        Args:
            method: "GET" or "POST".
            path: with its leading slash.
            body: JSON.
            most_bytes: of the answer.

        Raises:
            PassingFailure: if nothing, or not the whole answer, came in time.
            ArtstyleError: if there is no such host, it is not to be trusted or says too much.
        """
        is_whole = False
        # This pool, also in a thread that is left behind: the next one belongs to the next request.
        pool = self._pool
        attempt = functools.partial(self._attempt, pool, method, path, body, most_bytes)
        self._deadline.begin(self._timeout_seconds)
        try:
            answer = within(self._timeout_seconds, lambda: _try_twice(pool, attempt))
            is_whole = True
            return answer
        except TimeoutError:
            raise PassingFailure(f"no answer within {self._timeout_seconds:g} s") from None
        except _ConnectionClosedError:
            raise PassingFailure("connection refused or closed") from None
        finally:
            if not is_whole:  # the rest of this answer must not be taken for the next one
                self.close()

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        self._deadline.begin(0)
        self._pool.close()
        self._open()

    def _open(self) -> None:
        """A new pool of one connection, which keeps the deadline of its requests."""
        self._deadline = Deadline()
        options: dict[str, Any] = {"timeout": self._timeout_seconds, "maxsize": 1, "retries": False}
        host, port = self._address.host, self._address.port
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            context.sslsocket_class = ending(ssl.SSLSocket, self._deadline)
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
    ) -> HttpAnswer:
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
                raise PassingFailure("half an answer") from None
            if isinstance(cause, ConnectionError):
                raise _ConnectionClosedError from error
            raise self._not_a_server(cause) from error

    def _read(self, response: urllib3.BaseHTTPResponse, most_bytes: int) -> HttpAnswer:
        try:
            # What is packed is not unpacked: nobody asked for it, and little can become much.
            body = response.read(most_bytes + 1, decode_content=False)
            if len(body) > most_bytes:
                raise ArtstyleError(
                    f"The answer of {self._address} is too large",
                    received=f"more than {most_bytes / 2**20:.3g} MiB",
                    fix="send fewer images at a time",
                )
            if response.length_remaining:  # `read` does not say that the connection broke
                raise http.client.IncompleteRead(b"", response.length_remaining)
            response.release_conn()  # to be used again; else it is closed with the response
            return HttpAnswer(response.status, body)
        finally:
            response.close()

    def _not_a_server(self, error: BaseException) -> ArtstyleError:
        fix = "check the address; TensorFlow Serving speaks REST at port 8501"
        if isinstance(error, ssl.SSLError):
            fix = "use http:// if the server has no certificate, or give it one that is trusted"
        return ArtstyleError(
            f"The server {self._address} cannot be reached",
            received=" ".join(str(error).split()) or type(error).__name__,
            fix=fix,
        )


def _try_twice(pool: urllib3.HTTPConnectionPool, attempt: Callable[[], HttpAnswer]) -> HttpAnswer:
    was_open = pool.num_connections > 0
    try:
        return attempt()
    except _ConnectionClosedError:
        if not was_open:
            raise
    # The server had closed the kept connection in the meantime, which is its right.
    return attempt()


def _ending_connection(kind: type[Any], deadline: Deadline) -> type[Any]:
    """A kind of connection whose socket keeps to a deadline."""

    class EndingConnection(kind):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            timeout = opened.gettimeout()
            opened = ending(socket.socket, deadline)(
                opened.family, opened.type, opened.proto, fileno=opened.detach()
            )
            opened.settimeout(timeout)
            return opened

    return EndingConnection


def _cause_of(error: BaseException) -> BaseException:
    """What urllib3 has wrapped: it says more than the wrapping."""
    while isinstance(error, exceptions.HTTPError):
        if isinstance(error, http.client.IncompleteRead):
            return error
        wrapped = [x for x in (*error.args, error.__cause__) if isinstance(x, BaseException)]
        if not wrapped:
            return error
        error = wrapped[0]
    return error
