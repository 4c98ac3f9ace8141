"""Robust stdin, stdout and stderr.

Progress may be lost: the work continues when stderr is closed or its disk is full. A result is
never lost silently: a failed write to stdout raises `UndeliveredError`. Both streams escape control
characters; only progress bars use terminal commands.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.visible_text import shown_lines

# Error handlers that raise for some characters.
_RAISING = ("strict", "surrogateescape")


class UndeliveredError(Exception):
    """The result could not be written to stdout.

    Args:
        cause: error of the system.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause

    @property
    def reader_closed(self) -> bool:
        """Whether the reader closed the pipe early, as `head` does."""
        return isinstance(self.cause, BrokenPipeError)


class _LossyFile(io.FileIO):
    """A descriptor to which writing always succeeds: data that cannot be written are dropped."""

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        try:
            written = super().write(data)
        except BrokenPipeError:
            # Native code and later child processes should not try either.
            redirect_to_nowhere(self.fileno())
            return size
        except OSError:
            return size
        return size if written is None else written


class _VisibleText(io.TextIOWrapper):
    """A text stream that escapes control characters, also in output of libraries.

    Attributes:
        that_takes_commands: the same file without escaping, for progress bars.
    """

    that_takes_commands: io.TextIOWrapper

    def write(self, text: str, /) -> int:
        super().write(shown_lines(text))
        return len(text)


def prepare_standard_streams() -> None:
    """Let stdout write every character and stderr never fail; called when a program starts.

    Streams that were replaced by others are left alone.
    """
    _open_closed_descriptors()
    if sys.stdout is not None and sys.stdout is sys.__stdout__:
        _escape_what_cannot_be_encoded(sys.stdout)
    if sys.stderr is None or (sys.stderr is sys.__stderr__ and not _is_lossy(sys.stderr)):
        sys.stderr = sys.__stderr__ = _lossy_stderr(sys.stderr)  # type: ignore[misc]


def deliver(text: str) -> None:
    """Write a result and a newline to stdout, with control characters escaped.

    Raises:
        UndeliveredError: if it failed; later output to stdout is discarded.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        text = shown_lines(text)
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            if sys.stdout is not None:  # Python would try again, and report it, at exit
                redirect_to_nowhere(sys.stdout.fileno())
        raise UndeliveredError(error) from error


def that_takes_commands(stream: TextIO | None) -> TextIO | None:
    """Return the variant of a stream that does not escape control characters."""
    return getattr(stream, "that_takes_commands", stream)


def encoding_of_stdout() -> str:
    """Return the encoding that results have to fit into."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def lines_of_stdin() -> Iterator[str]:
    """Read file names from stdin, one per line; skip empty lines.

    Raises:
        ArtstyleError: if stdin is closed or cannot be read.
    """
    try:
        if sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        # File names are bytes, which the encoding of the terminal may not be able to represent.
        raw = getattr(sys.stdin, "buffer", None)
        for line in sys.stdin if raw is None else map(os.fsdecode, raw):
            if line.strip():
                yield line.rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: closed by Python
        raise ArtstyleError(
            "Stdin cannot be read",
            received=getattr(error, "strerror", None) or str(error),
            expected="a list of files, one per line, because of the -",
            fix="pipe a list into the program, or name the files instead of -",
        ) from error


def redirect_to_nowhere(descriptor: int) -> None:
    """Redirect a descriptor to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _open_closed_descriptors() -> None:
    """Open the null device as 0, 1 and 2 where these are closed.

    Otherwise the next opened file would get the number, and output of native code would be written
    into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            os.set_inheritable(descriptor, True)


def _escape_what_cannot_be_encoded(stream: TextIO) -> None:
    if isinstance(stream, io.TextIOWrapper) and stream.errors in _RAISING:
        stream.reconfigure(errors="backslashreplace")


def _is_lossy(stream: TextIO) -> bool:
    buffer = getattr(stream, "buffer", None)
    return isinstance(getattr(buffer, "raw", None), _LossyFile)


def _lossy_stderr(stream: TextIO | None) -> TextIO:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.flush()
    # In a process without stderr, 2 was opened above.
    descriptor = 2 if stream is None else stream.fileno()
    file = io.BufferedWriter(_LossyFile(descriptor, "w", closefd=False))
    options: Any = {
        "encoding": getattr(stream, "encoding", None) or "utf-8",
        "errors": "backslashreplace",
        "line_buffering": True,
        "write_through": True,
    }
    text = _VisibleText(file, **options)
    text.that_takes_commands = io.TextIOWrapper(file, **options)
    return text
