"""Whether a host can be reached, within seconds."""

from __future__ import annotations

import socket

CONNECTION_TIMEOUT_SECONDS = 3.0


def host_answers(host: str) -> bool:
    """Return whether a host accepts a connection for HTTPS."""
    try:
        socket.create_connection((host, 443), CONNECTION_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True
