"""Work in threads: how many there can be, and results in order, no further ahead than needed."""

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
    """Cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # macOS and Windows cannot tell
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_threads: int,
    num_ahead: int = 32,
) -> Iterator[Result]:
    """Apply a function to items in threads; memory stays flat however many there are.

    Args:
        function: may run in several threads at the same time.
        items: taken one by one, in the thread of whoever takes the results.
        num_threads: at least 1.
        num_ahead: items that are begun, or wait to be, before a result of theirs is taken.

    Yields:
        Results in the order of the items.

    Raises:
        Exception: that the function has raised, when its turn comes.
    """
    executor = ThreadPoolExecutor(num_threads)
    try:
        yield from map_ahead(executor, function, items, num_ahead=num_ahead)
    finally:
        # On Ctrl-C nobody wants to wait for what is still queued.
        executor.shutdown(cancel_futures=True)


def map_ahead(
    executor: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_ahead: int,
) -> Iterator[Result]:
    """What `map_in_threads` does, with the threads or processes of somebody who keeps them."""
    waiting = iter(items)
    ahead = deque(executor.submit(function, item) for item in itertools.islice(waiting, num_ahead))
    while ahead:
        yield ahead.popleft().result()
        ahead.extend(executor.submit(function, item) for item in itertools.islice(waiting, 1))


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of so many items; the last one may be shorter."""
    waiting = iter(items)
    while batch := list(itertools.islice(waiting, size)):
        yield batch
