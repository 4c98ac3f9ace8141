"""Ordered maps over threads with bounded lookahead."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return the number of cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_threads: int,
    num_ahead: int = 32,
) -> Iterator[Result]:
    """Apply a function to items in threads, with bounded memory.

    Args:
        function: thread-safe.
        items: consumed one by one, in the thread that consumes the results.
        num_threads: at least 1.
        num_ahead: items that are submitted before their results are consumed.

    Yields:
        Results in the order of the items.

    Raises:
        Exception: raised by the function, at the item's turn.
    """
    executor = ThreadPoolExecutor(num_threads)
    try:
        yield from map_ahead(executor, function, items, num_ahead=num_ahead)
    finally:
        # On Ctrl-C, drop the queued items.
        executor.shutdown(cancel_futures=True)


def map_ahead(
    executor: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_ahead: int,
) -> Iterator[Result]:
    """Do what `map_in_threads` does with an executor of the caller."""
    waiting = iter(items)
    ahead = deque(executor.submit(function, item) for item in itertools.islice(waiting, num_ahead))
    while ahead:
        yield ahead.popleft().result()
        ahead.extend(executor.submit(function, item) for item in itertools.islice(waiting, 1))


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of `size` items; the last one may be shorter."""
    waiting = iter(items)
    while batch := list(itertools.islice(waiting, size)):
        yield batch
