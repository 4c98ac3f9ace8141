"""Ctrl-C without harm, for a program and for the processes that it starts."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_wanted = threading.Event()


@contextlib.contextmanager
def interrupted_at_safe_points() -> Iterator[None]:
    """Inside, Ctrl-C takes effect at the next `safe_point`; a second Ctrl-C takes effect at once.

    A request to end (SIGTERM), which batch systems and containers send before they kill, is taken
    for Ctrl-C.

    Python raises KeyboardInterrupt wherever it is. If that is inside TensorFlow, while its native
    code builds an error or frees an object, the interrupt is lost, comes out as another error, or
    ends the process with a damaged heap.

    Raises:
        KeyboardInterrupt: at the end, if there was no safe point after Ctrl-C.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else decides what Ctrl-C does
        return
    _wanted.clear()
    signal.signal(signal.SIGINT, _wait_for_safe_point)
    end_as_before = signal.signal(signal.SIGTERM, _wait_for_safe_point)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, end_as_before)
    safe_point()


def safe_point() -> None:
    """Says that the program may be interrupted here; loops call it once a round.

    Raises:
        KeyboardInterrupt: if Ctrl-C was pressed since.
    """
    if _wanted.is_set():
        _wanted.clear()
        raise KeyboardInterrupt


def _wait_for_safe_point(number: int, frame: FrameType | None) -> None:
    if _wanted.is_set():
        _wanted.clear()
        signal.default_int_handler(number, frame)
    _wanted.set()


def end_with_parent() -> None:
    """Leaves it to the parent process when this one ends; called once, at its start.

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


@contextlib.contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Stops pure Python work, such as a regular expression, that takes too long.

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
