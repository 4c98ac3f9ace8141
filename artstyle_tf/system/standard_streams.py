"""Stdin, stdout and stderr, whatever they are connected to.

Progress may be lost: the work goes on when nobody reads stderr any more, or its disk is full. A
result may not be lost silently: what cannot be written to stdout ends in an `UndeliveredError`.
Neither of them passes a control character on to the terminal; only progress is drawn with some.
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

# How the streams of a program treat what their encoding lacks, unless the user has chosen: these
# two raise an error for some characters.
_RAISING = ("strict", "surrogateescape")


class UndeliveredError(Exception):
    """The result could not be written to stdout.

    Args:
        cause: what the system said.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause

    @property
    def reader_has_left(self) -> bool:
        """Whether somebody read the beginning and wanted no more, as `head` does."""
        return isinstance(self.cause, BrokenPipeError)


class _LossyFile(io.FileIO):
    """A descriptor to which writing always succeeds: what cannot be written is dropped."""

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        try:
            written = super().write(data)
        except BrokenPipeError:
            # Native code and processes that are started from now on should not try either.
            redirect_to_nowhere(self.fileno())
            return size
        except OSError:
            return size
        return size if written is None else written


class _VisibleText(io.TextIOWrapper):
    """Text in which control characters are made visible, be it a library's.

    Attributes:
        that_takes_commands: the same file for who draws on a terminal.
    """

    that_takes_commands: io.TextIOWrapper

    def write(self, text: str, /) -> int:
        super().write(shown_lines(text))
        return len(text)


def prepare_standard_streams() -> None:
    """Make stdout able to write every character and stderr unable to fail; called at the start.

    Streams that somebody else has put in the place of the process's own are left alone.
    """
    _open_closed_descriptors()
    if sys.stdout is not None and sys.stdout is sys.__stdout__:
        _escape_what_cannot_be_encoded(sys.stdout)
    if sys.stderr is None or (sys.stderr is sys.__stderr__ and not _is_lossy(sys.stderr)):
        sys.stderr = sys.__stderr__ = _lossy_stderr(sys.stderr)  # type: ignore[misc]


def deliver(text: str) -> None:
    """Write a result to stdout, with a line's end; control characters in it are made visible.

    Raises:
        UndeliveredError: if it did not arrive; nothing is written to stdout from then on.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        text = shown_lines(text)
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            if sys.stdout is not None:  # Python would try again, and complain, at exit
                redirect_to_nowhere(sys.stdout.fileno())
        raise UndeliveredError(error) from error


def that_takes_commands(stream: TextIO | None) -> TextIO | None:
    """The stream to draw on where a stream makes control characters visible; else the stream."""
    return getattr(stream, "that_takes_commands", stream)


def encoding_of_stdout() -> str:
    """What the characters of a result have to fit into."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def lines_of_stdin() -> Iterator[str]:
    """Names of files from stdin, one a line, as the system spells them; empty lines are left out.

    Raises:
        ArtstyleError: if stdin is closed or cannot be read.
    """
    try:
        if sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        # Names are bytes to the system, which the encoding of the terminal may not hold.
        raw = getattr(sys.stdin, "buffer", None)
        for line in sys.stdin if raw is None else map(os.fsdecode, raw):
            if line.strip():
                yield line.rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: closed by Python
        raise ArtstyleError(
            "Stdin cannot be read",
            received=getattr(error, "strerror", None) or str(error),
            expected="a list of files, one a line, because of the -",
            fix="pipe a list into the program, or name the files instead of -",
        ) from error


def redirect_to_nowhere(descriptor: int) -> None:
    """Let a descriptor take everything and keep nothing."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _open_closed_descriptors() -> None:
    """Fill 0, 1 and 2 where they are closed.

    The next file that is opened would get the number, and whatever native code prints would be
    written into it.
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
    # A process without stderr, such as one without a console, has 2 filled by now.
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
