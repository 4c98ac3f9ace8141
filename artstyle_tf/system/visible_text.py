r"""Escaping of control characters in printed text.

A file name may contain any of them: ESC starts a terminal command, a newline forges a line of
output, and bidirectional controls display a name as another one (Unicode Technical Report 36,
section 3.5; CVE-2021-42574).
"""

from __future__ import annotations

import re
from typing import Any

# C0, DEL and C1; line and paragraph separators; bidirectional embeddings, overrides and isolates;
# lone surrogates, which stand for bytes that are not valid UTF-8.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ANY = re.compile(f"[{_CONTROLS}]")
# CR LF is one line end. Line feed and tab occur in the program's own text.
_ANY_BUT_LINES = re.compile(f"(?!\r\n)(?![\n\t])[{_CONTROLS}]")


def shown(text: str) -> str:
    r"""Escape all control characters as in Python source, e.g. \x1b or \n; idempotent."""
    return _ANY.sub(_escaped, text)


def shown_lines(text: str) -> str:
    """Escape control characters other than newlines and tabs; see `shown`."""
    return _ANY_BUT_LINES.sub(_escaped, text)


def shown_values(value: Any) -> Any:
    """Apply `shown` to all strings in nested mappings and sequences."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown_values(key): shown_values(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(shown_values, value))
    return value


def has_controls(text: str, *, but_lines: bool = False) -> bool:
    """Return whether text contains control characters, optionally ignoring newlines and tabs."""
    return (_ANY_BUT_LINES if but_lines else _ANY).search(text) is not None


def json_escaped(text: str) -> str:
    r"""Escape control characters that `json.dumps` leaves, such as U+009B, as \u009b.

    The JSON stays equivalent: such characters only occur in strings.
    """
    return _ANY_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
