"""Names in CSV files that a spreadsheet would take for formulas.

Excel and others compute a cell that begins with = + - or @, also behind a tab or a line's end, and
a formula can read files or call addresses. An apostrophe before it makes it text. Source: OWASP,
CSV Injection (owasp.org/www-community/attacks/CSV_Injection). The readers of this program take the
apostrophe away, so that every name comes back.
"""

from __future__ import annotations

import re

# Also the full-width forms, which Japanese and Chinese versions of Excel take for the others.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def to_cell(text: str) -> str:
    """Text that no spreadsheet computes; a number, also one of a style's name, stays as it is."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def from_cell(cell: str) -> str:
    """The text of a cell; one that nobody has marked stays as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
