# ruff: noqa: PT012 - where in the block the interrupt comes is what is tested
from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from artstyle_tf.system.interruption import interrupted_at_safe_points, limited_to, safe_point
from artstyle_tf.system.progress import Reporter

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_waits_for_a_safe_point():
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        press_ctrl_c()
        reached.append("after Ctrl-C")
        safe_point()
        reached.append("after the safe point")
    assert reached == ["after Ctrl-C"]


def test_the_end_is_a_safe_point():
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        press_ctrl_c()
        reached.append("the end")
    assert reached == ["the end"]


def test_a_second_ctrl_c_does_not_wait():
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        press_ctrl_c()
        reached.append("once")
        press_ctrl_c()
        reached.append("twice")
    assert reached == ["once"]
    safe_point()  # nothing is left over


def test_outside_ctrl_c_is_what_it_was():
    with interrupted_at_safe_points():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()
    safe_point()


def test_an_exception_inside_is_raised():
    with pytest.raises(ValueError, match="broken"), interrupted_at_safe_points():
        press_ctrl_c()
        raise ValueError("broken")
    with interrupted_at_safe_points():  # the next program part starts afresh
        safe_point()


def test_a_thread_leaves_signals_alone():
    errors = []

    def work():
        try:
            with interrupted_at_safe_points():
                safe_point()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


@pytest.mark.parametrize("quiet", [True, False])
def test_tracked_loops_have_a_safe_point_after_each_item(quiet):
    seen = []
    reporter = Reporter(io.StringIO(), quiet=quiet)
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        for item in reporter.track(range(5), total=5, description="Counting"):
            if item == 2:
                press_ctrl_c()
            seen.append(item)
    assert seen == [0, 1, 2]


def test_a_request_to_end_waits_for_a_safe_point_too():
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        signal.raise_signal(signal.SIGTERM)
        reached.append("after the request")
        safe_point()
        reached.append("after the safe point")
    assert reached == ["after the request"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_work_beyond_its_time_limit_is_stopped():
    pattern = re.compile(r"^(x+)+$")
    before = signal.getsignal(signal.SIGALRM)
    began = time.process_time()
    with pytest.raises(TimeoutError), limited_to(0.1):
        pattern.search("x" * 60 + "y")
    assert time.process_time() - began < 5
    assert signal.getsignal(signal.SIGALRM) is before
    with limited_to(60):
        assert pattern.search("xxx")
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.fixture
def handlers():
    """Restore all signal handlers after the test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_sigterm_reaches_a_background_job_that_ignores_ctrl_c(handlers, number):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(getattr(signal, number))
        reached.append("after the request")
        safe_point()
        reached.append("after the safe point")
    assert reached == ["after the request"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_requests_never_take_effect_at_once(number):
    # `timeout` sends two, systemd SIGTERM and SIGHUP.
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(getattr(signal, number))
        reached.append("after both")
        safe_point()
    assert reached == ["after both"]


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_signals_ignored_at_the_start_stay_ignored(handlers, number):
    signal.signal(getattr(signal, number), signal.SIG_IGN)  # as under nohup
    with interrupted_at_safe_points():
        signal.raise_signal(getattr(signal, number))
        safe_point()
    assert signal.getsignal(getattr(signal, number)) is signal.SIG_IGN


def test_a_foreign_signal_handler_is_left_alone(handlers):
    heard = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    with interrupted_at_safe_points():
        signal.raise_signal(signal.SIGTERM)
        safe_point()
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_before_the_work_a_request_ends_the_process_at_once(number):
    code = f"""
import signal
import subprocess
import sys
from artstyle_tf.system.interruption import ended_at_once, interrupted_at_safe_points, safe_point
with ended_at_once(lambda: print("told", flush=True)):
    try:
        with interrupted_at_safe_points():
            signal.raise_signal(signal.{number})
            print("waits", flush=True)
            safe_point()
    except KeyboardInterrupt:
        signal.raise_signal(signal.{number})
    print("not reached")
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (130, "waits\ntold\n"), answer.stderr
