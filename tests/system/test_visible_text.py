"""Control characters in names are escaped in everything that users read or copy."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from patience import HUNG_SECONDS

from artstyle_tf.images.index.csv_reading import from_cell, to_cell
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import json_text, yaml_text
from artstyle_tf.system.markdown import markdown_table, markdown_text
from artstyle_tf.system.shell_commands import shell_command
from artstyle_tf.system.visible_text import has_controls, shown, shown_lines, shown_values

ROOT = Path(__file__).parents[1]
CONTROLS = [
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\x9b2J",
    "\x85",
    "\u2028",
    "\u202e",
    "\u2066",
    "\r",
    "\udc9b",
]
NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=12)
TEXTS = st.text(st.sampled_from("ab \n\t'\"\\;$(|`*_[]<>&=+-@!#~\x1b\u202e\x9b1.:/"), max_size=12)


@pytest.mark.parametrize("letters", CONTROLS)
def test_control_characters_become_visible(letters):
    assert not has_controls(shown(f"a{letters}b"))
    assert not has_controls(shown_lines(f"a{letters}b\n"), but_lines=True)
    error = str(ArtstyleError("No", received=f"a{letters}\nError: forged"))
    assert not has_controls(error)
    assert shown(error) == error
    assert shown_values({f"a{letters}": [1, (letters,)]}) == {
        f"a{shown(letters)}": [1, (shown(letters),)]
    }


def test_other_letters_stay():
    name = "Déco 浮世絵 👩‍🎨 שלום \\x1b"
    assert shown(name) == shown_lines(name) == name
    assert shown_lines("two\r\nlines\tof ours\n") == "two\r\nlines\tof ours\n"


@given(name=NAMES | TEXTS)
@example(name="\x85a\u2028 b\u202e")
def test_json_and_yaml_show_no_control_character_and_mean_the_same(name):
    text = json_text({name: [name]}, "it", indent=1)
    assert not has_controls(text, but_lines=True)
    assert json.loads(text) == {name: [name]}
    if name.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in name):
        text = yaml_text({"name": name})
        assert not has_controls(text, but_lines=True)
        assert yaml.safe_load(text) == {"name": name}


@given(name=NAMES | TEXTS)
@example(name="'=x")
@example(name="''-1")
@example(name="-1")
def test_cells_come_back_and_are_no_formulas(name):
    cell = to_cell(name)
    assert from_cell(cell) == name
    assert cell[:1] not in tuple("=@\t\r\n")
    assert cell[:1] not in ("+", "-") or float(cell) is not None


def test_unmarked_cells_are_read_unchanged():
    assert [from_cell(cell) for cell in ("=x", "'quoted'", "-0.5", "")] == [
        "=x",
        "'quoted'",
        "-0.5",
        "",
    ]


@given(words=st.lists(TEXTS, min_size=1, max_size=3))
@example(words=["a;touch pwned"])
@example(words=["line\nbreak $(touch pwned) 'x' \\n"])
def test_a_command_is_copied_as_the_words_it_has(words):
    command = shell_command("printf", "%s\\0", *words)
    assert not has_controls(command)
    said = subprocess.run(
        ["bash", "-c", command], capture_output=True, timeout=HUNG_SECONDS, check=True
    )
    assert said.stdout == b"".join(word.encode() + b"\0" for word in words)


def test_a_plain_command_stays_plain():
    command = shell_command("python", "scripts/predict.py", "--run", "outputs/models/x-1", "IMAGES")
    assert command == "python scripts/predict.py --run outputs/models/x-1 IMAGES"


@given(name=TEXTS)
@example(name="<b>x</b> a|b **c** [d](e) ![f](g) `h` ~~i~~ https://j &lt; _k_ $l$")
@example(name="- a")
@example(name="1. a")
def test_markdown_shows_names_as_they_are(name):
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    wanted = " ".join(shown(" ".join(name.split())).split())
    for text in (
        markdown_text(name),
        markdown_table([name, "x"], [[name, name]]),
        f"- {markdown_text(name)}",
    ):
        tokens = markdown.parse(text)
        found = [token for token in tokens if token.type == "inline"]
        for token in found:
            parts = token.children or []
            assert {part.type for part in parts} <= {"text", "text_special"}
            assert "".join(part.content for part in parts) in (wanted, "x")


SPEAKING = """
import sys, warnings
from artstyle_tf.system.standard_streams import deliver, prepare_standard_streams
from artstyle_tf.system.progress import Reporter
prepare_standard_streams()
print("a library \\x1b]0;owned\\x07\\x9b2J\\u202e", file=sys.stderr)
Reporter().warn("a name\\nError: forged \\x1b[31m")
deliver("a result \\x1b[31m\\n\\ttwo lines")
if sys.argv[1:]:
    list(Reporter().track([1], total=1, description="Counting"))
"""


def test_no_stream_passes_a_control_character_on():
    said = subprocess.run(
        [sys.executable, "-c", SPEAKING],
        cwd=ROOT,
        capture_output=True,
        timeout=HUNG_SECONDS,
        text=True,
    )
    assert said.stderr.splitlines() == [
        r"a library \x1b]0;owned\x07\x9b2J\u202e",
        r"Warning: a name\nError: forged \x1b[31m",
    ]
    assert said.stdout == "a result \\x1b[31m\n\ttwo lines\n"


def test_bars_are_drawn_on_a_terminal_all_the_same():
    reading, terminal = pty.openpty()
    command = [sys.executable, "-c", SPEAKING, "draw"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": terminal}
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run(command, cwd=ROOT, env=environment, timeout=HUNG_SECONDS, check=True, **streams)
    os.close(terminal)
    shown_there = b""
    try:
        while part := os.read(reading, 65536):
            shown_there += part
    except OSError:  # the end, on Linux
        pass
    os.close(reading)
    assert b"Counting" in shown_there
    assert b"\x1b[?25l" in shown_there  # the cursor is hidden while a bar is drawn
    assert b"\x1b]0;owned" not in shown_there
    assert b"\\x1b]0;owned" in shown_there
