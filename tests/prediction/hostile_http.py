"""A small HTTP server that responds to each request as a test defines, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from artstyle_tf.prediction.server.rest_client import RestClient
from artstyle_tf.prediction.server.server_address import parse_address

Respond = Callable[["Talk"], None]


def open_client(
    url: str, *, model_name: str | None = None, timeout_seconds: float, retries: int
) -> RestClient:
    """Open the client of `predict.py --url`."""
    address = parse_address(url, model_name=model_name)
    return RestClient(address, timeout_seconds=timeout_seconds, retries=retries)


class Talk:
    """One connection whose request has been read."""

    def __init__(self, connection: socket.socket, is_over: threading.Event) -> None:
        self.connection, self._is_over = connection, is_over

    def send(self, *parts: bytes) -> None:
        """Send at once."""
        self.connection.sendall(b"".join(parts))

    def trickle(self, part: bytes, seconds: float = 0.02) -> None:
        """Send the same again and again until the client has disconnected, or the test is over."""
        while not self._is_over.wait(seconds):
            self.connection.sendall(part)

    def pour(self, part: bytes) -> None:
        """Send the same as fast as possible."""
        while not self._is_over.is_set():
            self.connection.sendall(part)

    def json(self, content: object) -> None:
        """Send a complete response."""
        self.body(json.dumps(content).encode())

    def body(self, body: bytes, status: bytes = b"200 OK") -> None:
        """Send a complete response."""
        length = str(len(body)).encode()
        self.send(b"HTTP/1.1 ", status, b"\r\nContent-Length: ", length, b"\r\n\r\n", body)


class HostileServer:
    """Responds with the metadata of a valid model, and to any other request with `respond`."""

    def __init__(
        self, metadata: object, respond: Respond, context: ssl.SSLContext | None = None
    ) -> None:
        self._metadata, self._respond, self._context = metadata, respond, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self.threads = [threading.Thread(target=self._accept)]
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.ended = threading.Event()
        """Set when a client has ended a connection during a response."""
        self.threads[0].start()

    def stop(self) -> None:
        """End all connections."""
        self._is_over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self.threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self._talk, args=[connection]))
            self.threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with contextlib.ExitStack() as held:
            held.enter_context(connection)
            try:
                if self._context is not None:
                    connection = held.enter_context(
                        self._context.wrap_socket(connection, server_side=True)
                    )
                while head := self._read_request(connection):
                    talk = Talk(connection, self._is_over)
                    if b"/metadata " in head and self._metadata is not None:
                        talk.json(self._metadata)
                    else:
                        self._respond(talk)
            except OSError:
                self.ended.set()

    def _read_request(self, connection: socket.socket) -> bytes:
        content = b""
        while b"\r\n\r\n" not in content:
            part = connection.recv(2**16)
            if not part:
                return b""
            content += part
        head, body = content.split(b"\r\n\r\n", 1)
        length = (
            int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if (b"content-length: " in head.lower())
            else 0
        )
        while len(body) < length:
            body += connection.recv(2**16)
        return head


@contextlib.contextmanager
def hostile_server(
    metadata: object, respond: Respond, context: ssl.SSLContext | None = None
) -> Iterator[HostileServer]:
    """Yield a server that is stopped at the end."""
    server = HostileServer(metadata, respond, context)
    try:
        yield server
    finally:
        server.stop()
