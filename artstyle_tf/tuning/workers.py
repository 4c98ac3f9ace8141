"""Who works on a study, and whether they still live."""

from __future__ import annotations

import os
import socket


def this_worker() -> str:
    """A name for this process that others can look for."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead(worker: str) -> bool:
    """Whether a worker of this machine is gone; of other machines only the heartbeat knows."""
    host, _, process = worker.rpartition(":")
    if host != socket.gethostname() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
