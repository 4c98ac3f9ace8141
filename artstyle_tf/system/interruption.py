"""Ctrl-C without harm, for a program and for the processes that it starts."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

EXIT_INTERRUPTED = 130

_wanted = threading.Event()

_Handler = Callable[[int, FrameType | None], None]

_ours: set[signal.Signals] = set()
"""Signals whose present handler is of this module."""

# What asks a program to end: batch systems, containers and `timeout` send SIGTERM; SIGHUP comes
# when the terminal is closed, where there is such a signal.
_REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def interrupted_at_safe_points() -> Iterator[None]:
    """Inside, Ctrl-C takes effect at the next `safe_point`; a second Ctrl-C takes effect at once.

    Requests to end, SIGTERM and SIGHUP, are taken for Ctrl-C, but always wait, however many come:
    `timeout` sends two. A signal that was ignored when the program started stays ignored, each for
    itself: a shell starts background jobs deaf to Ctrl-C, and `nohup` to SIGHUP.

    Python raises KeyboardInterrupt wherever it is. If that is inside TensorFlow, while its native
    code builds an error or frees an object, the interrupt is lost, comes out as another error, or
    ends the process with a damaged heap.

    Raises:
        KeyboardInterrupt: at the end, if there was no safe point after Ctrl-C.
    """
    is_usual = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.default_int_handler)
    if threading.current_thread() is not threading.main_thread() or not is_usual:
        yield  # somebody else decides what Ctrl-C does
        return
    _wanted.clear()
    with _handled({signal.SIGINT: _press, **dict.fromkeys(_REQUESTS, _request)}):
        yield
    safe_point()


@contextlib.contextmanager
def ended_at_once(say: Callable[[], None]) -> Iterator[None]:
    """Inside, a request to end (SIGTERM, SIGHUP) ends the process with `EXIT_INTERRUPTED`.

    For the seconds in which nothing has been begun. The first process of a container has to do
    that itself: the system passes it no signal that it has no handler for.

    Args:
        say: called before.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        say()
        os._exit(EXIT_INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(dict.fromkeys(_REQUESTS, end)):
        yield


@contextlib.contextmanager
def _handled(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    """Set handlers, but for signals that are ignored or that somebody else handles."""
    before = {}
    for number, handler in handlers.items():
        present = signal.getsignal(number)
        is_free = present in (signal.SIG_DFL, signal.default_int_handler)
        if is_free or number in _ours:
            before[number] = (present, number in _ours)
            signal.signal(number, handler)
            _ours.add(number)
    try:
        yield
    finally:
        for number, (present, was_ours) in before.items():
            signal.signal(number, present)
            if not was_ours:
                _ours.discard(number)


def safe_point() -> None:
    """State that the program may be interrupted here; loops call it once a round.

    Raises:
        KeyboardInterrupt: if Ctrl-C was pressed since.
    """
    if _wanted.is_set():
        _wanted.clear()
        raise KeyboardInterrupt


def _press(number: int, frame: FrameType | None) -> None:
    if _wanted.is_set():
        _wanted.clear()
        signal.default_int_handler(number, frame)
    _wanted.set()


def _request(number: int, frame: FrameType | None) -> None:
    del number, frame
    _wanted.set()


def end_with_parent() -> None:
    """Leave it to the parent process when this one ends; called once, at its start.

    Ctrl-C reaches all processes of a terminal: from now on the parent alone decides what happens.
    If the parent is killed this process ends too, because nobody would hear its results.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def ignore_requests_to_end() -> None:
    """For a process that its parent kills when it has to end, called once, at its start.

    `timeout`, and a terminal that is closed, send their signal to all processes of a group: which
    of them end, and when, is the parent's to decide.
    """
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Stop pure Python work, such as a regular expression, that takes too long.

    Works in the main thread of systems that have timers; elsewhere there is no limit.

    Raises:
        TimeoutError: in the middle of the body, when the time is over.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
