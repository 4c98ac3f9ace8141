"""The exception for errors that the user can fix."""

from __future__ import annotations

from typing import Any

from artstyle_tf.system.redaction import redacted
from artstyle_tf.system.visible_text import shown


class ArtstyleError(Exception):
    """An error that the user can fix.

    The command line prints the message without a traceback and exits with code 2, so the message
    is complete: what happened, what was received, what was expected, how to fix it. Passwords in
    addresses are masked and control characters escaped, so it is always one line.

    Args:
        happened: one sentence without its period, e.g. "There are no training images".
        received: the value or state that was found.
        expected: what would be valid.
        fix: what the user can type or change.
    """

    def __init__(
        self,
        happened: str,
        *,
        received: Any = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.happened = happened
        self.received = received
        self.expected = expected
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [
            self.happened,
            None if self.received is None else f"Received: {self.received}",
            None if self.expected is None else f"Expected: {self.expected}",
            None if self.fix is None else f"Fix: {self.fix}",
        ]
        text = " ".join(
            part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part
        )
        return shown(redacted(text))
