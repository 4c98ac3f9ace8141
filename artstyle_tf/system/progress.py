"""What a person sees while the program works: everything here goes to stderr.

A message is one line, whatever names are in it: control characters are made visible.
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
        stream: where to write; stderr by default, so that stdout stays free for results. What
            it does not take is dropped: the work does not depend on who watches.
        quiet: suppress everything but warnings.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._given_stream = stream
        self.quiet = quiet

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be watching a terminal that can redraw a line."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):  # closed
            return False

    def info(self, message: str) -> None:
        """State what is being done."""
        if not self.quiet:
            self._write(message)

    def warn(self, message: str) -> None:
        """State what the user should look at; shown even when quiet."""
        self._write(f"Warning: {message}")

    def track(
        self, items: Iterable[Item], *, total: int, description: str, unit: str = "images"
    ) -> Iterator[Item]:
        """Yield the items while showing how many are done and the time left.

        Args:
            items: what to go through.
            total: how many items there are.
            description: what is being done, e.g. "Preparing images".
            unit: plural noun of what is counted.

        Yields:
            The items, unchanged. Between two of them the program can be interrupted.
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
        """rich's console on the stream, for what is drawn with commands to the terminal."""
        # rich is imported late: --help and config errors must answer at once.
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
            with contextlib.suppress(OSError, ValueError):  # nobody reads, no room, closed
                print(shown(redacted(message)), file=self._stream, flush=True)

    @property
    def _stream(self) -> TextIO | None:
        """Asked for anew, because stderr is replaced while programs start and tests run."""
        return self._given_stream if self._given_stream is not None else sys.stderr


SILENT = Reporter(quiet=True)
"""For library use: functions below the command line take it as their default."""


def format_seconds(seconds: float) -> str:
    """Formats a duration for people: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
