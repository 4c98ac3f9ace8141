from __future__ import annotations

import signal

import pytest

from artstyle_tf.prediction.server.retries import PassingFailure, Retries
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import interrupted_at_safe_points


def failing(times):
    left = [times]

    def attempt():
        left[0] -= 1
        if left[0] >= 0:
            raise PassingFailure("busy")
        return "answer"

    return attempt


def waits(num_retries, seed):
    slept = []
    retries = Retries(num_retries, seed=seed, sleep=slept.append)
    assert retries.call(failing(num_retries), server="s", fix="f") == "answer"
    return slept


def test_waits_grow_to_a_limit_and_are_drawn_from_the_seed():
    slept = waits(10, seed=3)
    for number, seconds in enumerate(slept):
        longest = min(0.2 * 2**number, 10.0)
        assert longest / 2 <= seconds <= longest
    assert slept == waits(10, seed=3)
    assert slept != waits(10, seed=4)


def test_success_needs_no_wait():
    assert waits(0, seed=0) == []


def test_the_last_failure_is_told_with_the_number_of_attempts():
    slept = []
    with pytest.raises(ArtstyleError) as caught:
        Retries(2, sleep=slept.append).call(failing(9), server="grpc://s", fix="start it")
    assert str(caught.value) == (
        "The server grpc://s does not answer. Received: busy, in the last of 3 attempts. "
        "Fix: start it."
    )
    assert len(slept) == 2


def test_what_does_not_pass_is_not_tried_again():
    attempts = []

    def attempt():
        attempts.append(1)
        raise ArtstyleError("No")

    with pytest.raises(ArtstyleError, match="No"):
        Retries(5, sleep=attempts.append).call(attempt, server="s", fix="f")
    assert attempts == [1]


def test_a_wait_can_be_interrupted(monkeypatch):
    monkeypatch.setattr("artstyle_tf.prediction.server.retries._FIRST_WAIT_SECONDS", 10.0)
    attempts = []

    def attempt():
        attempts.append(1)
        signal.raise_signal(signal.SIGINT)
        raise PassingFailure("busy")

    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        Retries(3).call(attempt, server="s", fix="f")
    assert attempts == [1]
