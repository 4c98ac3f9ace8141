"""Asking again, but only after what may pass, and not all at the same moment.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import safe_point

Result = TypeVar("Result")

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0
_SECONDS_BETWEEN_SAFE_POINTS = 0.1


class PassingFailure(Exception):  # noqa: N818  it is no error yet
    """An attempt failed in a way that may be over in a moment; says how."""


class Retries:
    """Repeats attempts, each time after a longer wait.

    The nth wait is drawn between half and all of 0.2 s times 2^n, at most of 10 s.

    Args:
        num_retries: attempts after the first; 0 for none.
        seed: of the waits; programs that should not come back all at once take different ones.
        sleep: seconds -> waits; replaced in tests.
    """

    def __init__(
        self, num_retries: int, *, seed: int = 0, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._num_retries = num_retries
        self._random = random.Random(seed)
        self._sleep = sleep or _sleep

    def call(self, attempt: Callable[[], Result], *, server: str, fix: str) -> Result:
        """Calls until it succeeds.

        Args:
            attempt: raises PassingFailure if it is worth another try.
            server: address, for the message.
            fix: what to do if it never succeeds.

        Raises:
            ArtstyleError: if the last attempt failed, too.
        """
        for number in range(self._num_retries):
            try:
                return attempt()
            except PassingFailure:
                self._sleep(self._wait_seconds(number))
        try:
            return attempt()
        except PassingFailure as failure:
            attempts = self._num_retries + 1
            raise ArtstyleError(
                f"The server {server} does not answer",
                received=f"{failure}, in the last of {attempts} attempts"
                if attempts > 1
                else str(failure),
                fix=fix,
            ) from failure

    def _wait_seconds(self, number: int) -> float:
        longest = min(_FIRST_WAIT_SECONDS * 2**number, _LONGEST_WAIT_SECONDS)
        return longest * self._random.uniform(0.5, 1.0)


def _sleep(seconds: float) -> None:
    """Waits, but not if somebody presses Ctrl-C."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SECONDS_BETWEEN_SAFE_POINTS))
        safe_point()
