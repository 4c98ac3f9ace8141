from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HUNG_SECONDS

from artstyle_tf.system import standard_streams
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

ROOT = Path(__file__).parents[2]
TRAIN = [sys.executable, str(ROOT / "scripts" / "train_direct.py")]
WRITE_TO_STDERR = """
import sys, warnings
from artstyle_tf.system.standard_streams import prepare_standard_streams
from artstyle_tf.system.progress import Reporter

prepare_standard_streams()
for _ in range(3):
    Reporter().info("working")
    print("a library", file=sys.stderr, flush=True)
    list(Reporter().track([1], total=1, description="Counting"))
print("result")
"""

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")


def nobody_reads():
    """Return the writing end of a pipe whose reading end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def run(command, **streams):
    return subprocess.run(command, cwd=ROOT, timeout=HUNG_SECONDS, **streams)


@pytest.fixture
def sinks():
    descriptors = {"full": os.open("/dev/full", os.O_WRONLY), "left": nobody_reads()}
    yield descriptors
    for descriptor in descriptors.values():
        os.close(descriptor)


@pytest.mark.parametrize("sink", ["full", "left"])
def test_unread_progress_does_not_end_the_work(sinks, sink):
    command = [sys.executable, "-c", WRITE_TO_STDERR]
    answer = run(command, stdout=subprocess.PIPE, stderr=sinks[sink])
    assert (answer.returncode, answer.stdout) == (0, b"result\n")


@pytest.mark.parametrize("closed", ["0", "1", "2"])
def test_a_file_never_gets_the_number_of_a_closed_stream(tmp_path, closed):
    code = f"""
import os
from artstyle_tf.system.standard_streams import prepare_standard_streams
prepare_standard_streams()
file = open({str(tmp_path / "data")!r}, "w")
assert file.fileno() > 2, file.fileno()
os.write(2, b"native code complains")
"""
    arguments = [sys.executable, "-c", code]
    answer = run(["sh", "-c", f'exec "$@" {closed}>&-', "sh", *arguments], capture_output=True)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "data").read_text() == ""


@pytest.mark.parametrize("option", ["--help", "--print-config"])
@pytest.mark.parametrize("buffering", [(), ("-u",)])
@pytest.mark.parametrize(("sink", "code"), [("full", 2), ("left", 141)])
def test_an_undelivered_result_is_a_failure(sinks, option, buffering, sink, code):
    command = [TRAIN[0], *buffering, TRAIN[1], option]
    answer = run(command, stdout=sinks[sink], stderr=subprocess.PIPE)
    assert answer.returncode == code
    said = answer.stderr.decode()
    assert ("No space left on device" in said) == (sink == "full")
    assert said.count("\n") == (sink == "full")


def test_a_closed_stdout_is_reported(sinks):
    closed = 'exec "$@" >&-'
    answer = run(["sh", "-c", closed, "sh", *TRAIN, "--print-config"], stderr=subprocess.PIPE)
    assert answer.returncode == 2
    assert b"could not be written to stdout" in answer.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("name", ["浮世絵", "Déco", "🎨"])
def test_names_fit_into_every_encoding(encoding, name):
    variables = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    arguments = [f"data.images={name}", "--dry-run", "--json"]
    answer = run([*TRAIN, *arguments], capture_output=True, env=variables)
    assert answer.returncode == 2, answer.stderr
    assert b"Traceback" not in answer.stderr
    assert name in json.loads(answer.stdout.decode(encoding))["error"]
    answer = run([*TRAIN, f"run_name={name}", "--print-config"], capture_output=True, env=variables)
    assert answer.returncode == 0, answer.stderr


def test_what_the_user_has_chosen_for_other_characters_stays():
    code = "from artstyle_tf.system import standard_streams as s; s.prepare_standard_streams(); "
    command = [sys.executable, "-c", code + "s.deliver('浮')"]
    variables = {**os.environ, "PYTHONUTF8": "0"}
    for chosen, expected in (("ascii:replace", b"?\n"), ("ascii", b"\\u6d6e\n")):
        variables["PYTHONIOENCODING"] = chosen
        assert run(command, capture_output=True, env=variables).stdout == expected


class BrokenStream(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_a_reporter_with_a_stream_of_its_own_goes_on():
    closed = io.StringIO()
    closed.close()
    for stream in (BrokenStream(), closed):
        reporter = Reporter(stream)
        reporter.warn("look")
        assert list(reporter.track([1, 2], total=2, description="Counting")) == [1, 2]


def test_names_from_stdin_are_bytes_of_the_system(monkeypatch):
    given = io.TextIOWrapper(io.BytesIO("a.png\n\n浮.png\r\n".encode()), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", given)
    assert list(standard_streams.lines_of_stdin()) == ["a.png", "浮.png"]


@pytest.mark.parametrize("closing", ["none", "closed"])
def test_a_closed_stdin_is_reported(monkeypatch, closing):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdin", None if closing == "none" else stream)
    with pytest.raises(ArtstyleError, match="Stdin cannot be read"):
        list(standard_streams.lines_of_stdin())
