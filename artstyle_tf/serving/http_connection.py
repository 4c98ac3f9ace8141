"""Requests over one kept HTTP connection, each answered in time or not at all."""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.serving.prediction_client import MOST_MESSAGE_BYTES
from artstyle_tf.serving.retries import PassingFailure
from artstyle_tf.serving.server_address import ServerAddress

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


class HttpConnection:
    """Keeps the connection open between requests, and opens another if it was closed.

    Args:
        address: of the server.
        timeout_seconds: for one request.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float) -> None:
        kind = (
            http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        )
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._connection = kind(address.host, address.port, timeout=timeout_seconds)

    def request(self, method: str, path: str, body: bytes | None = None) -> HttpAnswer:
        """Sends one request.

        Args:
            method: "GET" or "POST".
            path: with its leading slash.
            body: JSON.

        Raises:
            PassingFailure: if nothing, or not the whole answer, came in time.
            ArtstyleError: if there is no such host or it is not to be trusted.
        """
        was_open = self._connection.sock is not None
        try:
            return self._attempt(method, path, body)
        except ConnectionError:
            if not was_open:
                raise PassingFailure("connection refused or closed") from None
        # The server had closed the kept connection in the meantime, which is its right.
        try:
            return self._attempt(method, path, body)
        except ConnectionError:
            raise PassingFailure("connection refused or closed") from None

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        self._connection.close()

    def _attempt(self, method: str, path: str, body: bytes | None) -> HttpAnswer:
        is_whole = False
        try:
            answer = self._exchange(method, path, body)
            is_whole = True
            return answer
        except TimeoutError:
            raise PassingFailure(f"no answer within {self._timeout_seconds:g} s") from None
        except http.client.IncompleteRead:
            raise PassingFailure("half an answer") from None
        except ConnectionError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise self._not_a_server(error) from error
        finally:
            if not is_whole:  # the rest of this answer must not be taken for the next one
                self.close()

    def _exchange(self, method: str, path: str, body: bytes | None) -> HttpAnswer:
        end = time.monotonic() + self._timeout_seconds
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return HttpAnswer(response.status, self._read(response, end))

    def _read(self, response: http.client.HTTPResponse, end: float) -> bytes:
        chunks, size = [], 0
        while response.length != 0 and (chunk := response.read1(_CHUNK_BYTES)):
            chunks.append(chunk)
            size += len(chunk)
            if time.monotonic() > end:
                raise TimeoutError
            if size > MOST_MESSAGE_BYTES:
                raise ArtstyleError(
                    f"The answer of {self._address} is too large",
                    received=f"more than {MOST_MESSAGE_BYTES / 2**20:g} MiB",
                    fix="send fewer pictures at a time",
                )
        if response.length:  # read1 does not say that the connection broke
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # read to its end, so that the connection can be used again
        return b"".join(chunks)

    def _not_a_server(self, error: Exception) -> ArtstyleError:
        fix = "check the address; TensorFlow Serving speaks REST at port 8501 and gRPC at 8500"
        if isinstance(error, ssl.SSLError):
            fix = "use http:// if the server has no certificate, or give it one that is trusted"
        return ArtstyleError(
            f"The server {self._address} cannot be reached",
            received=" ".join(str(error).split()) or type(error).__name__,
            fix=fix,
        )
