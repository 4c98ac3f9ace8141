"""Requests over one kept HTTP connection, each answered in time or not at all."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from artstyle_tf.prediction.server.deadline import Connections, endable, within
from artstyle_tf.prediction.server.retries import PassingFailure
from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError

_CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class HttpAnswer:
    """What came back.

    Attributes:
        status: code.
        body: bytes.
    """

    status: int
    body: bytes


@dataclass(frozen=True)
class _Request:
    """What is sent, and over which connection; see `HttpConnection.request`."""

    pool: urllib3.HTTPConnectionPool
    method: str
    path: str
    body: bytes | None
    most_bytes: int


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
        self._connections = Connections()
        self._pool = self._new_pool()

    def request(
        self, method: str, path: str, body: bytes | None = None, *, most_bytes: int
    ) -> HttpAnswer:
        """Sends one request.

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
        request = _Request(self._pool, method, path, body, most_bytes)
        try:
            answer = within(
                self._timeout_seconds, lambda: self._try_twice(request), self._connections.end
            )
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
        self._connections.forget()
        self._pool.close()
        self._connections = Connections()
        self._pool = self._new_pool()

    def _new_pool(self) -> urllib3.HTTPConnectionPool:
        """One that notes the connections which it opens, so that they can be ended in time."""
        connections = self._connections
        options: dict[str, Any] = {"timeout": self._timeout_seconds, "maxsize": 1, "retries": False}
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            context.sslsocket_class = endable(ssl.SSLSocket, connections)
            pool = urllib3.HTTPSConnectionPool(
                self._address.host, self._address.port, ssl_context=context, **options
            )
            pool.ConnectionCls = _noting(HTTPSConnection, connections)
            return pool
        pool = urllib3.HTTPConnectionPool(self._address.host, self._address.port, **options)
        pool.ConnectionCls = _noting(HTTPConnection, connections)
        return pool

    def _try_twice(self, request: _Request) -> HttpAnswer:
        was_open = request.pool.num_connections > 0
        try:
            return self._attempt(request)
        except _ConnectionClosedError:
            if not was_open:
                raise
        # The server had closed the kept connection in the meantime, which is its right.
        return self._attempt(request)

    def _attempt(self, request: _Request) -> HttpAnswer:
        try:
            return self._exchange(request)
        except (exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            cause = _cause_of(error)
            if isinstance(cause, TimeoutError | exceptions.TimeoutError):
                raise TimeoutError from None
            if isinstance(cause, http.client.IncompleteRead):
                raise PassingFailure("half an answer") from None
            if isinstance(cause, ConnectionError):
                raise _ConnectionClosedError from error
            raise self._not_a_server(cause) from error

    def _exchange(self, request: _Request) -> HttpAnswer:
        headers = {"Accept": "application/json"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        response = request.pool.urlopen(
            request.method,
            request.path,
            request.body,
            headers,
            redirect=False,
            preload_content=False,
        )
        try:
            body = self._read(response, request.most_bytes)
            response.release_conn()  # to be used again; else it is closed with the response
            return HttpAnswer(response.status, body)
        finally:
            response.close()

    def _read(self, response: urllib3.BaseHTTPResponse, most_bytes: int) -> bytes:
        chunks, size = [], 0
        # What is packed is not unpacked: nobody asked for it, and little can become much.
        while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
            chunks.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                raise ArtstyleError(
                    f"The answer of {self._address} is too large",
                    received=f"more than {most_bytes / 2**20:.3g} MiB",
                    fix="send fewer pictures at a time",
                )
        if response.length_remaining:  # read1 does not say that the connection broke
            raise http.client.IncompleteRead(b"", response.length_remaining)
        return b"".join(chunks)

    def _not_a_server(self, error: BaseException) -> ArtstyleError:
        fix = "check the address; TensorFlow Serving speaks REST at port 8501 and gRPC at 8500"
        if isinstance(error, ssl.SSLError):
            fix = "use http:// if the server has no certificate, or give it one that is trusted"
        return ArtstyleError(
            f"The server {self._address} cannot be reached",
            received=" ".join(str(error).split()) or type(error).__name__,
            fix=fix,
        )


def _noting(kind: type[Any], connections: Connections) -> type[Any]:
    """A kind of connection that notes its socket as soon as there is one."""

    class Noting(kind):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            timeout = opened.gettimeout()
            opened = endable(socket.socket, connections)(
                opened.family, opened.type, opened.proto, fileno=opened.detach()
            )
            opened.settimeout(timeout)
            connections.add(opened)
            return opened

    return Noting


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
