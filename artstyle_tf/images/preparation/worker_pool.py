"""Process many images at once, in worker processes."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from artstyle_tf.images.reading.large_images import share_turns
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import end_with_parent, safe_point
from artstyle_tf.system.standard_streams import prepare_standard_streams
from artstyle_tf.system.threads import map_ahead, usable_cores

Task = TypeVar("Task")
Result = TypeVar("Result")

# Starting processes takes one to two seconds each, so the main process begins alone, and starts
# workers when it has measured how slow the tasks are.
_SECONDS_ALONE = 0.3
_SECONDS_LEFT_WORTH_WORKERS = 4.0

_TASKS_AHEAD_PER_WORKER = 4


class WorkerPool:
    """A pool that starts its processes when the work takes long enough.

    Processes, not threads: measured on two cores, threads gain 1.1 times (strong augmentation) to
    1.4 times (decoding), processes 1.6 to 1.8 times, because much of the work holds Python's lock.

    Args:
        num_workers: number of processes; None for one per core that this process may use; 1 for no
            other process.
    """

    def __init__(self, num_workers: int | None = None) -> None:
        self.num_workers = num_workers or usable_cores()
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._executor is not None:
            # Queued tasks are dropped, so Ctrl-C waits for one image per worker at most.
            self._executor.shutdown(cancel_futures=True)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Yield the results of the function for each task, in their order.

        The function is defined in a module, so that another process can import it; tasks can be
        pickled.

        Raises:
            ArtstyleError: if a worker process dies.
        """
        waiting = deque(tasks)
        seconds, done = 0.0, 0
        while waiting and not self._needs_workers(seconds, done, len(waiting)):
            start = time.monotonic()
            result = function(waiting.popleft())
            seconds, done = seconds + time.monotonic() - start, done + 1
            yield result
        if waiting:
            yield from self._map_in_processes(function, waiting)

    def _needs_workers(self, seconds: float, done: int, left: int) -> bool:
        if self.num_workers == 1 or self._executor is not None or done == 0:
            return self._executor is not None
        return seconds > _SECONDS_ALONE and seconds / done * left > _SECONDS_LEFT_WORTH_WORKERS

    def _map_in_processes(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[Result]:
        executor = self._started()
        # Only a few are submitted ahead: results of a hundred thousand would fill the memory.
        num_ahead = _TASKS_AHEAD_PER_WORKER * self.num_workers
        try:
            yield from map_ahead(executor, function, tasks, num_ahead=num_ahead)
        except BrokenProcessPool as error:
            safe_point()  # an interruption may have reached all processes
            raise ArtstyleError(
                "A worker process died, perhaps because memory ran out",
                fix="start again, finished images are kept; use fewer workers with"
                " data.preparation_workers=1",
            ) from error

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            # "spawn", because forking a process in which TensorFlow has threads can hang.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(
                self.num_workers,
                mp_context=context,
                initializer=_set_up_worker,
                initargs=(context.Lock(),),
            )
        return self._executor


def _set_up_worker(turn_of_large_images: AbstractContextManager[Any]) -> None:
    share_turns(turn_of_large_images)
    prepare_standard_streams()
    end_with_parent()
