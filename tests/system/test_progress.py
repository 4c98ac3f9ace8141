from __future__ import annotations

import io

import pytest

from artstyle_tf.system.progress import Reporter, format_seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_readable(seconds, text):
    assert format_seconds(seconds) == text


def test_tracking_yields_everything_and_ends_with_the_count():
    stream = io.StringIO()
    assert list(Reporter(stream).track("abc", total=3, description="Reading")) == ["a", "b", "c"]
    assert stream.getvalue() == "Reading: 3/3 images\n"


def test_quiet_silences_everything_but_warnings():
    stream = io.StringIO()
    reporter = Reporter(stream, quiet=True)
    reporter.info("working")
    assert list(reporter.track([1, 2], total=2, description="Reading")) == [1, 2]
    reporter.warn("look at this")
    assert stream.getvalue() == "Warning: look at this\n"
