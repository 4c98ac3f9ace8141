"""CSV files from a user's hands -> rows of exact text, or a message that names what is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from artstyle_tf.images.index.spreadsheet_cells import from_cell
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
_LONGEST_HEADER = 10_000  # below what csv takes as one cell


def read_csv_rows(
    path: Path, *, columns: Sequence[str], what: str
) -> tuple[list[str], list[list[str]]]:
    """Reads a CSV file and keeps every cell as it is, blanks at its ends included.

    Only the apostrophe goes that marks what is no formula; see `spreadsheet_cells`.

    Args:
        path: the file, UTF-8 with or without a byte order mark, separated by commas.
        columns: that it has to have; others are kept.
        what: the file's role for messages, e.g. "split file".

    Returns:
        Names of the columns, without blanks around them; and the rows, each as long as the
        header. Rows without any text are left out.

    Raises:
        ArtstyleError: if the file is missing, in another encoding, separated by anything else,
            lacks a column or its header, or has rows that are longer than the header.
    """
    expected = f"a CSV file with the columns {', '.join(columns)}"
    text = _read_text(path, what, expected)
    _check_separator(text, path, columns=columns, what=what, expected=expected)
    rows = _parsed(text, path, what, expected)
    number, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    _check_header(names, path, columns=columns, what=what, expected=expected)
    table = []
    for number, row in rows:
        if any(row[len(names) :]):
            raise ArtstyleError(
                f"Line {number} of the {what} {path} has more cells than the first line",
                received=f"{len(row)} cells, {len(names)} columns: {_shown(','.join(row))}",
                fix='put cells that hold a comma into quotes: "Paris, 1912.jpg"',
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


def _read_text(path: Path, what: str, expected: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtstyleError(
            f"The {what} cannot be read",
            received=f"{path}: {error.strerror or error}",
            expected=expected,
        ) from error
    if not content.strip():
        raise ArtstyleError(
            f"The {what} is not a CSV file in UTF-8",
            received=f"{path}, which is empty",
            expected=expected,
        )
    encoding = _encoding_of(content)
    if encoding is not None:
        raise ArtstyleError(
            f"The {what} is not a CSV file in UTF-8",
            received=f"{path}, which is {encoding}",
            expected=expected,
            fix=_SAVE_AS_UTF_8,
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ArtstyleError(
            f"The {what} is not a CSV file in UTF-8",
            received=f"{path}, whose line {line} has the byte 0x{content[error.start]:02x}; it may "
            "be Windows-1252 or Latin-1",
            expected=expected,
            fix=_SAVE_AS_UTF_8,
        ) from error


def _encoding_of(content: bytes) -> str | None:
    """What a file is that is certainly no UTF-8 text; None for what may be."""
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return name
    if b"\0" in content[:2] and b"\0" in content[2:4]:
        return "UTF-16"
    kind = kind_of(content[:HEAD_BYTES])
    if kind is not None:
        return kind.name
    return "no text" if b"\0" in content else None


def _parsed(text: str, path: Path, what: str, expected: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, [from_cell(cell) for cell in row]
            start = reader.line_num + 1
    except csv.Error as error:
        raise ArtstyleError(
            f"The {what} is not a CSV file in UTF-8",
            received=f"{path}, line {start}: {error}",
            expected=expected,
            fix='put cells with quotes into quotes and double those inside: "the ""blue"" one.jpg"',
        ) from error


def _check_separator(
    text: str, path: Path, *, columns: Sequence[str], what: str, expected: str
) -> None:
    """Looks at the first line before it is parsed, because quotes then mean something else."""
    first_line = next(iter(text.lstrip("\r\n").splitlines()), "")[:_LONGEST_HEADER]
    names = {name.strip() for name in next(csv.reader([first_line]), [])}
    separator = None if names.issuperset(columns) else _separator_of(first_line, columns)
    if separator is not None:
        raise ArtstyleError(
            f"The {what} {path} is separated by {separator}",
            received=f"the first line {_shown(first_line)}",
            expected=f"{expected}, separated by commas",
            fix="save it again with commas; cells that hold a comma go into quotes",
        )


def _check_header(
    names: list[str], path: Path, *, columns: Sequence[str], what: str, expected: str
) -> None:
    missing = [column for column in columns if column not in names]
    twice = [column for column in columns if names.count(column) > 1]
    if twice:
        raise ArtstyleError(
            f"The {what} {path} has the column {', '.join(twice)} twice",
            received=f"columns {', '.join(names)}",
            expected=expected,
        )
    if not missing:
        return
    raise ArtstyleError(
        f"The {what} {path} lacks the column {', '.join(missing)}",
        received=f"columns {_shown(', '.join(names))}",
        expected=expected,
        fix=_fix_of_header(names, columns),
    )


def _separator_of(line: str, columns: Sequence[str]) -> str | None:
    """What separates a header, if that is not a comma."""
    if line.lower().startswith("sep=") and line[4:5] in _SEPARATORS:  # Excel's own first line
        return _SEPARATORS[line[4:5]]
    for separator, name in _SEPARATORS.items():
        cells = {cell.strip(" \"'").lower() for cell in line.split(separator)}
        if len(cells) > 1 and cells.intersection(columns):
            return name
    # Without a header it may be known by its number of cells.
    return _separator_of_row([line] if "," not in line else [], columns)


def _separator_of_row(row: Sequence[str], columns: Sequence[str]) -> str | None:
    """What separates the one cell that commas leave, if it has enough of that for all columns."""
    if len(row) != 1 or len(columns) < 2:
        return None
    enough = len(columns) - 1
    return next((name for mark, name in _SEPARATORS.items() if row[0].count(mark) >= enough), None)


def _fix_of_header(names: list[str], columns: Sequence[str]) -> str | None:
    wanted = ",".join(columns)
    if len(names) == 1 and "," in names[0]:
        return "take away the quotes around whole lines"
    if names and names[0].lower().startswith("sep="):
        return f"remove the first line, so that the file begins with {wanted}"
    lowered = {name.lower() for name in names}
    if lowered.issuperset(columns):
        return f"write the names in lower case: {wanted}"
    if not lowered.intersection(columns):
        return f"begin the file with the line {wanted}"
    return None


def _shown(text: str) -> str:
    """Part of a file in one line."""
    words = repr(text)[1:-1]
    return words if len(words) <= _LONGEST_SHOWN else f"{words[:_LONGEST_SHOWN]}..."
