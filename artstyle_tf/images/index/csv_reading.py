"""Rows of exact text from a CSV file of a user, and cells that spreadsheets do not compute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.images.reading.file_kinds import HEAD_BYTES, kind_of
from artstyle_tf.system.errors import ArtstyleError

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", ":": "colons"}
_BYTE_ORDER_MARKS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_SAVE_AS_UTF_8 = "save it as CSV in UTF-8 (a spreadsheet calls that 'CSV UTF-8')"
_LONGEST_SHOWN = 120
_LONGEST_HEADER = 10_000  # below the csv module's limit for one cell

# Also the full-width forms, which Japanese and Chinese versions of Excel take for the others.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def to_cell(text: str) -> str:
    """Mark text that a spreadsheet would take for a formula; numbers, also style names, stay.

    Excel and others compute a cell that begins with = + - or @, also after a tab or a line end, and
    a formula can read files or open addresses. An apostrophe before it makes it text. Source:
    OWASP, CSV Injection (owasp.org/www-community/attacks/CSV_Injection).
    """
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def from_cell(cell: str) -> str:
    """Return the text of a cell, without the mark of `to_cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def read_csv_rows(
    path: Path, *, columns: Sequence[str], what: str
) -> tuple[list[str], list[list[str]]]:
    """Read a CSV file with every cell unchanged, blanks at its ends included.

    Only the apostrophe of `to_cell` is removed.

    Args:
        path: the file, UTF-8 with or without a byte order mark, separated by commas.
        columns: required columns; others are returned, too.
        what: the file's role for messages, e.g. "split file".

    Returns:
        Names of the columns, without blanks around them; and the rows, each as long as the
        header. Rows without any text are left out.

    Raises:
        ArtstyleError: if the file is missing, in another encoding, separated by anything else,
            lacks a column or its header, or has rows that are longer than the header.
    """
    file = _CsvFile(path, columns, what)
    text = file.read_text()
    file.check_separator(text)
    rows = file.parse(text)
    number, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    file.check_header(names)
    table = []
    for number, row in rows:
        if any(row[len(names) :]):
            raise ArtstyleError(
                f"Line {number} of the {what} {path} has more cells than the first line",
                received=f"{len(row)} cells, {len(names)} columns: {_shown(','.join(row))}",
                fix='put cells with a comma into quotes: "Paris, 1912.jpg"',
            )
        separator = _separator_of_row(row, names)
        if separator is not None:
            raise ArtstyleError(
                f"Line {number} of the {what} {path} is separated by {separator}",
                received=_shown(row[0]),
                expected="commas, as in the first line",
            )
        if any(row):
            table.append([*row, *([""] * (len(names) - len(row)))][: len(names)])
    return names, table


@dataclass(frozen=True)
class _CsvFile:
    """The checks of one file; the fields are the arguments of `read_csv_rows`."""

    path: Path
    columns: Sequence[str]
    what: str

    @property
    def expected(self) -> str:
        return f"a CSV file with the columns {', '.join(self.columns)}"

    def not_csv(self, problem: str, fix: str | None = None) -> ArtstyleError:
        return ArtstyleError(
            f"The {self.what} is not a CSV file in UTF-8",
            received=f"{self.path}, {problem}",
            expected=self.expected,
            fix=fix,
        )

    def read_text(self) -> str:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ArtstyleError(
                f"The {self.what} cannot be read",
                received=f"{self.path}: {error.strerror or error}",
                expected=self.expected,
            ) from error
        if not content.strip():
            raise self.not_csv("which is empty")
        encoding = _encoding_of(content)
        if encoding is not None:
            raise self.not_csv(f"which is {encoding}", _SAVE_AS_UTF_8)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            byte = content[error.start]
            raise self.not_csv(
                f"whose line {line} has the byte 0x{byte:02x}; it may be Windows-1252 or Latin-1",
                _SAVE_AS_UTF_8,
            ) from error

    def parse(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield line number and cells of each row that is not blank."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        start = 1
        try:
            for row in reader:
                if row:
                    yield start, [from_cell(cell) for cell in row]
                start = reader.line_num + 1
        except csv.Error as error:
            raise self.not_csv(
                f"line {start}: {error}",
                'put cells with quotes into quotes and double those inside: "the ""blue"" one.jpg"',
            ) from error

    def check_separator(self, text: str) -> None:
        """Check the first line before it is parsed, because quotes then have another meaning."""
        first_line = next(iter(text.lstrip("\r\n").splitlines()), "")[:_LONGEST_HEADER]
        names = {name.strip() for name in next(csv.reader([first_line]), [])}
        if names.issuperset(self.columns):
            return
        separator = _separator_of(first_line, self.columns)
        if separator is not None:
            raise ArtstyleError(
                f"The {self.what} {self.path} is separated by {separator}",
                received=f"the first line {_shown(first_line)}",
                expected=f"{self.expected}, separated by commas",
                fix="save it again with commas; put cells with a comma into quotes",
            )

    def check_header(self, names: list[str]) -> None:
        twice = [column for column in self.columns if names.count(column) > 1]
        if twice:
            raise ArtstyleError(
                f"The {self.what} {self.path} has the column {', '.join(twice)} twice",
                received=f"columns {', '.join(names)}",
                expected=self.expected,
            )
        missing = [column for column in self.columns if column not in names]
        if missing:
            raise ArtstyleError(
                f"The {self.what} {self.path} lacks the column {', '.join(missing)}",
                received=f"columns {_shown(', '.join(names))}",
                expected=self.expected,
                fix=_fix_of_header(names, self.columns),
            )


def _encoding_of(content: bytes) -> str | None:
    """Name the content of a file that is certainly no UTF-8 text; None if it may be."""
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return name
    if b"\0" in content[:2] and b"\0" in content[2:4]:
        return "UTF-16"
    kind = kind_of(content[:HEAD_BYTES])
    if kind is not None:
        return kind.name
    return "no text" if b"\0" in content else None


def _separator_of(line: str, columns: Sequence[str]) -> str | None:
    """Return the separator of a header, if it is not a comma."""
    if line.lower().startswith("sep=") and line[4:5] in _SEPARATORS:  # Excel's own first line
        return _SEPARATORS[line[4:5]]
    for separator, name in _SEPARATORS.items():
        cells = {cell.strip(" \"'").lower() for cell in line.split(separator)}
        if len(cells) > 1 and cells.intersection(columns):
            return name
    # Without a header it may be detected by its number of cells.
    return _separator_of_row([line] if "," not in line else [], columns)


def _separator_of_row(row: Sequence[str], columns: Sequence[str]) -> str | None:
    """Return the separator of a row with one cell, if it occurs often enough for all columns."""
    if len(row) != 1 or len(columns) < 2:
        return None
    enough = len(columns) - 1
    return next((name for mark, name in _SEPARATORS.items() if row[0].count(mark) >= enough), None)


def _fix_of_header(names: list[str], columns: Sequence[str]) -> str | None:
    header = ",".join(columns)
    if len(names) == 1 and "," in names[0]:
        return "remove the quotes around whole lines"
    if names and names[0].lower().startswith("sep="):
        return f"remove the first line, so that the file begins with {header}"
    lowered = {name.lower() for name in names}
    if lowered.issuperset(columns):
        return f"write the names in lower case: {header}"
    if not lowered.intersection(columns):
        return f"begin the file with the line {header}"
    return None


def _shown(text: str) -> str:
    """Shorten part of a file to one line."""
    words = repr(text)[1:-1]
    return words if len(words) <= _LONGEST_SHOWN else f"{words[:_LONGEST_SHOWN]}..."
