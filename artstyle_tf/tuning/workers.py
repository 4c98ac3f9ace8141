"""Who works on a study, and whether they still live."""

from __future__ import annotations

import os
import socket
from typing import Any


def this_worker() -> str:
    """A name for this process that others can look for."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead(worker: Any) -> bool:
    """Whether a worker of this machine is gone; of other machines only the heartbeat knows.

    Args:
        worker: as `this_worker` names it. It is read from a database that others can write: of
            anything else only the heartbeat knows, too.
    """
    host, _, process = worker.rpartition(":") if isinstance(worker, str) else ("", "", "")
    if host != socket.gethostname() or not (process.isascii() and process.isdecimal()):
        return False
    if int(process) in (0, os.getpid()):  # 0 would be all processes of this group
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False
