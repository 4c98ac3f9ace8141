"""Safe interruption by Ctrl-C and signals, for a program and its child processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

EXIT_INTERRUPTED = 130

_requested = threading.Event()

_Handler = Callable[[int, FrameType | None], None]

_ours: set[signal.Signals] = set()
"""Signals whose current handler is one of this module."""

# Requests to end: batch systems, containers and `timeout` send SIGTERM; closing the terminal sends
# SIGHUP, where that signal exists.
_REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def interrupted_at_safe_points() -> Iterator[None]:
    """Delay Ctrl-C to the next `safe_point`; a second Ctrl-C takes effect immediately.

    SIGTERM and SIGHUP are handled like Ctrl-C, but always wait, also when repeated: `timeout` sends
    two. A signal that was ignored when the program started stays ignored: a shell starts background
    jobs with SIGINT ignored, `nohup` with SIGHUP.

    Python raises KeyboardInterrupt at any point. Inside TensorFlow's native code the interrupt can
    be lost, turn into another error, or end the process with a damaged heap.

    Raises:
        KeyboardInterrupt: at the end, if there was no safe point after Ctrl-C.
    """
    is_usual = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.default_int_handler)
    if threading.current_thread() is not threading.main_thread() or not is_usual:
        yield  # another handler is installed
        return
    _requested.clear()
    with _handled({signal.SIGINT: _press, **dict.fromkeys(_REQUESTS, _request)}):
        yield
    safe_point()


@contextlib.contextmanager
def ended_at_once(report: Callable[[], None]) -> Iterator[None]:
    """End the process with `EXIT_INTERRUPTED` at a request to end (SIGTERM, SIGHUP).

    For the first seconds, in which nothing has been started. The first process of a container needs
    its own handler: the system delivers it no signal without one.

    Args:
        report: called before the process ends.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        report()
        os._exit(EXIT_INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(dict.fromkeys(_REQUESTS, end)):
        yield


@contextlib.contextmanager
def _handled(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    """Set handlers, except for signals that are ignored or handled elsewhere."""
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
    """Allow an interruption here; loops call it once per iteration.

    Raises:
        KeyboardInterrupt: if Ctrl-C was pressed before.
    """
    if _requested.is_set():
        _requested.clear()
        raise KeyboardInterrupt


def _press(number: int, frame: FrameType | None) -> None:
    if _requested.is_set():
        _requested.clear()
        signal.default_int_handler(number, frame)
    _requested.set()


def _request(number: int, frame: FrameType | None) -> None:
    del number, frame
    _requested.set()


def end_with_parent() -> None:
    """Ignore Ctrl-C and end with the parent process; called once, when a child starts.

    Ctrl-C reaches all processes of a terminal; only the parent handles it. If the parent is killed,
    this process ends too, because its results would go nowhere.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def ignore_requests_to_end() -> None:
    """Ignore SIGTERM and SIGHUP in a child process, which its parent ends.

    `timeout` and a closed terminal signal all processes of a group; the parent decides which of
    them end, and when. Called once, when the child starts.
    """
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Stop pure Python work, such as a regular expression, that takes too long.

    Works in the main thread on systems with timers; elsewhere there is no limit.

    Raises:
        TimeoutError: inside the body, when the time is over.
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
