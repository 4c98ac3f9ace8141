from __future__ import annotations

import signal
import time

import pytest

from artstyle_tf.prediction.server.http_connection import HttpResponse, TransientFailure
from artstyle_tf.prediction.server.rest_client import RestClient
from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import interrupted_at_safe_points


class Connection:
    """Fails so often, then responds; calls a function at each request."""

    def __init__(self, failures, act=lambda: None):
        self.failures, self.act, self.requests = failures, act, 0

    def request(self, *_, **__):
        self.requests += 1
        self.act()
        if self.requests <= self.failures:
            raise TransientFailure("busy")
        return HttpResponse(404, b"nothing here")


def ask(connection, retries):
    """Return the error: a server without the model also counts as a response."""
    address = parse_address("http://s", model_name="m")
    client = RestClient(address, timeout_seconds=1, retries=retries)
    client._connection = connection
    with pytest.raises(ArtstyleError) as caught:
        client.signature()
    return str(caught.value)


@pytest.fixture
def slept(monkeypatch):
    """Seconds of each wait, none of which is waited."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def test_waits_grow_to_a_limit_and_are_not_those_of_other_programs(slept):
    assert "no such model" in ask(Connection(failures=10), retries=10)
    assert len(slept) == 9  # the first retry happens at once
    for number, seconds in enumerate(slept, start=1):
        shortest = min(0.2 * 2**number, 10.0)
        assert shortest <= seconds <= min(shortest + 0.2, 10.0)
    first = slept.copy()
    slept.clear()
    ask(Connection(failures=10), retries=10)
    assert slept[:4] != first[:4]


def test_success_needs_no_wait(slept):
    assert "no such model" in ask(Connection(failures=0), retries=4)
    assert slept == []


def test_the_last_failure_is_reported_with_the_number_of_attempts(slept):
    connection = Connection(failures=9)
    assert ask(connection, retries=2).startswith(
        "The server http://s:80/v1/models/m does not respond. Received: busy, in the last of 3 "
        "attempts. Fix: start the server"
    )
    assert connection.requests == 3


def test_no_retries_are_none(slept):
    assert "Received: busy. Fix" in ask(Connection(failures=9), retries=0)


def test_each_request_has_all_its_retries(slept):
    address = parse_address("http://s", model_name="m")
    client = RestClient(address, timeout_seconds=1, retries=2)
    for _ in range(2):
        client._connection = Connection(failures=2)
        with pytest.raises(ArtstyleError, match="no such model"):
            client.signature()


def test_a_permanent_error_is_not_retried(slept):
    def refuse():
        raise ArtstyleError("No")

    connection = Connection(failures=9, act=refuse)
    assert ask(connection, retries=5) == "No."
    assert connection.requests == 1


def test_a_wait_can_be_interrupted(monkeypatch):
    waits = {"backoff_factor": 100.0, "backoff_max": 100.0}
    monkeypatch.setattr("artstyle_tf.prediction.server.rest_client._WAITS", waits)
    client = RestClient(parse_address("http://s", model_name="m"), timeout_seconds=1, retries=3)
    second = Connection(failures=9)
    second.act = lambda: second.requests == 2 and signal.raise_signal(signal.SIGINT)
    client._connection = second
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        client.signature()
    assert second.requests == 2
    assert time.monotonic() - begin < 60
