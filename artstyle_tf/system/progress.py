"""Messages and progress on stderr.

A message is always one line: control characters in names are escaped.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

from artstyle_tf.system.interruption import safe_point
from artstyle_tf.system.notebook_progress import is_notebook, track_in_notebook
from artstyle_tf.system.redaction import redacted
from artstyle_tf.system.standard_streams import that_takes_commands
from artstyle_tf.system.visible_text import shown

Item = TypeVar("Item")

_SECONDS_BETWEEN_PLAIN_LINES = 5.0


class Reporter:
    """Messages and progress on a stream: a bar on terminals and in notebooks, lines elsewhere.

    Args:
        stream: where to write; stderr by default, so that stdout stays free for results. Write
            errors are ignored: the work does not depend on a reader.
        quiet: suppress everything but warnings.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._given_stream = stream
        self.quiet = quiet

    @property
    def is_terminal(self) -> bool:
        """Whether the stream is a terminal that can redraw a line."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):  # closed
            return False

    def info(self, message: str) -> None:
        """Print a message."""
        if not self.quiet:
            self._write(message)

    def warn(self, message: str) -> None:
        """Print a warning, also when quiet."""
        self._write(f"Warning: {message}")

    def track(
        self, items: Iterable[Item], *, total: int, description: str, unit: str = "images"
    ) -> Iterator[Item]:
        """Yield items while showing progress and the time left.

        Args:
            items: to iterate over.
            total: how many items there are.
            description: of the work, e.g. "Preparing images".
            unit: plural noun of the items.

        Yields:
            The items, unchanged. Each iteration is a safe point for interruption.
        """
        tracked: Iterable[Item] = items
        if self._given_stream is None and is_notebook() and not self.quiet and total > 0:
            tracked = track_in_notebook(items, total=total, description=shown(description))
        elif self.is_terminal and not self.quiet and total > 0:
            tracked = self._track_with_bar(items, total, description)
        elif not self.quiet and total > 0:
            tracked = self._track_with_lines(items, total, description, unit)
        for item in tracked:
            yield item
            safe_point()

    def console(self) -> Any:
        """Create a rich console on the stream, for output with terminal commands."""
        # rich is imported late: --help and config errors must be fast.
        from rich.console import Console

        return Console(file=that_takes_commands(self._stream))

    def _track_with_bar(
        self, items: Iterable[Item], total: int, description: str
    ) -> Iterator[Item]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.console()) as progress:
            yield from progress.track(items, total=total, description=description)

    def _track_with_lines(
        self, items: Iterable[Item], total: int, description: str, unit: str
    ) -> Iterator[Item]:
        start = last = time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - last >= _SECONDS_BETWEEN_PLAIN_LINES or done == total:
                last = now
                left = (now - start) / done * (total - done)
                left_text = f", {format_seconds(left)} left" if done < total else ""
                self._write(f"{description}: {done}/{total} {unit}{left_text}")

    def _write(self, message: str) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):  # closed pipe, full disk, closed stream
                print(shown(redacted(message)), file=self._stream, flush=True)

    @property
    def _stream(self) -> TextIO | None:
        """The current stream: stderr is replaced while programs start and tests run."""
        return self._given_stream if self._given_stream is not None else sys.stderr


SILENT = Reporter(quiet=True)
"""The default of functions below the command line."""


def format_seconds(seconds: float) -> str:
    """Format a duration: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
