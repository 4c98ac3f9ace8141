r"""Control characters, made visible wherever a person reads text.

A file's name may hold any of them: ESC begins a command to the terminal, a line's end forges a line
of the program, and what changes the direction of writing shows a name as another one (Unicode
Technical Report 36, section 3.5; CVE-2021-42574).
"""

from __future__ import annotations

import re
from typing import Any

# C0, DEL and C1; separators of lines and paragraphs; embeddings, overrides and isolates of the
# direction of writing; halves of surrogate pairs, which stand for bytes that are no text.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ANY = re.compile(f"[{_CONTROLS}]")
# A line's end may be two characters. Line feed and tab are what the program's own text is made of.
_ANY_BUT_LINES = re.compile(f"(?!\r\n)(?![\n\t])[{_CONTROLS}]")


def shown(text: str) -> str:
    r"""Text in one line, for a message: control characters as Python writes them, e.g. \x1b or \n.

    Done twice, it is as if done once.
    """
    return _ANY.sub(_escaped, text)


def shown_lines(text: str) -> str:
    """Text of the program's own lines, with their ends and tabs; see `shown` for the rest."""
    return _ANY_BUT_LINES.sub(_escaped, text)


def shown_values(value: Any) -> Any:
    """Nested mappings and sequences, all texts of which are `shown`; the rest stays as it is."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown_values(key): shown_values(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(shown_values, value))
    return value


def has_controls(text: str, *, but_lines: bool = False) -> bool:
    """Whether there is something to make visible; line feeds and tabs may be left out of it."""
    return (_ANY_BUT_LINES if but_lines else _ANY).search(text) is not None


def json_escaped(text: str) -> str:
    r"""JSON in which what `json.dumps` leaves as it is, such as U+009B, is written as \u009b.

    It says the same: outside of strings there are no such characters.
    """
    return _ANY_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
