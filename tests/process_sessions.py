"""Processes that were started with `start_new_session=True`, and those that they started."""

from __future__ import annotations

import os
import time

from patience import HUNG_SECONDS


def wait_until_session_is_empty(session: int) -> None:
    """Wait until no process is left; the session has the id of the first one."""
    deadline = time.monotonic() + HUNG_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("worker processes are still there")
