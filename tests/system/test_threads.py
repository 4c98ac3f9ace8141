from __future__ import annotations

import threading
import time

import pytest
from patience import HUNG_SECONDS

from artstyle_tf.system.threads import in_batches, map_in_threads


def test_results_keep_the_order_of_the_items():
    def slow_at_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number

    found = list(map_in_threads(slow_at_first, range(100), num_threads=4))
    assert found == list(range(100))


def test_lookahead_is_bounded():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_in_threads(lambda number: number, items(), num_threads=2, num_ahead=5)
    next(results)
    assert len(taken) == 5
    next(results)
    assert len(taken) == 6


def test_as_many_run_at_the_same_time_as_there_are_threads():
    meeting = threading.Barrier(3, timeout=HUNG_SECONDS)
    assert len(list(map_in_threads(lambda _: meeting.wait(), range(6), num_threads=3))) == 6


def test_an_exception_in_the_function_is_raised_in_order():
    def divide(number):
        return 1 / number

    results = map_in_threads(divide, [1, 0, 2], num_threads=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_batches_lose_nothing():
    assert list(in_batches(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(in_batches([], 3)) == []
