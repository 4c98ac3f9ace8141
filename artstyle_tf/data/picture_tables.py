"""CSV files in which a user names pictures."""

from __future__ import annotations

import csv
import posixpath
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.data.examples import examples as examples
from artstyle_tf.data.table_files import unreadable_table
from artstyle_tf.errors import ArtstyleError


def read_picture_table(path: Path, *, columns: Sequence[str], what: str) -> pd.DataFrame:
    """Reads a CSV file whose rows are about pictures.

    Args:
        path: the file, UTF-8.
        columns: the columns it has to have; others are kept.
        what: the file's role for messages, e.g. "split file".

    Returns:
        Strings without surrounding blanks; an empty cell is "", and a style called "NA" stays so.

    Raises:
        ArtstyleError: if the file is missing, not a CSV file, or lacks a column or any row.
    """
    expected = f"a CSV file with the columns {', '.join(columns)}"
    try:
        # utf-8-sig because spreadsheets write a byte order mark in front of the first column.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise unreadable_table(path, error, columns=columns, what=what) from error
    except ValueError as error:  # pandas' parser errors and wrong encodings are ValueErrors.
        raise ArtstyleError(
            f"The {what} is not a CSV file in UTF-8", received=f"{path}: {error}", expected=expected
        ) from error
    table = table.fillna("").rename(columns=lambda name: str(name).strip())
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ArtstyleError(
            f"The {what} {path} lacks the column {', '.join(missing)}",
            received=f"columns {', '.join(table.columns)}",
            expected=expected,
        )
    if table.empty:
        raise ArtstyleError(f"The {what} {path} names no pictures", expected=expected)
    return table.apply(lambda column: column.str.strip())


def csv_text(table: pd.DataFrame, **options: Any) -> str:
    """A table without its index as CSV that comes back as it was, whatever files are called.

    Args:
        table: of pictures.
        options: of `DataFrame.to_csv`.
    """
    text = table.to_csv(index=False, lineterminator="\n", **options)
    if "\r" in text:  # which pandas does not quote, and takes for the end of a line
        options["quoting"] = csv.QUOTE_NONNUMERIC
        text = table.to_csv(index=False, lineterminator="\n", **options)
    return text


def match_pictures(
    listed: Iterable[str], *, known: Iterable[str], root: Path, folder: Path
) -> list[str | None]:
    """Finds the pictures that a user's table names.

    Args:
        listed: paths as the user wrote them: relative to the pictures' root, relative to the
            table's folder, or absolute; with / or with Windows' backslash.
        known: paths relative to the root, with /.
        root: folder of the pictures.
        folder: folder of the table.

    Returns:
        For each listed path the known one, or None.
    """
    # macOS stores "é" as two characters, most other systems as one.
    known_by_form = {unicodedata.normalize("NFC", path): path for path in known}
    bases = ("", f"{Path(folder).resolve().as_posix()}/")
    # With links followed and with links as the user wrote them.
    roots = (f"{Path(root).resolve().as_posix()}/", f"{Path(root).absolute().as_posix()}/")

    def find(path: str) -> str | None:
        for written in (path, path.replace("\\", "/")):
            for base in bases:
                candidate = posixpath.normpath(base + unicodedata.normalize("NFC", written))
                for start in roots:
                    candidate = candidate.removeprefix(start)
                if candidate in known_by_form:
                    return known_by_form[candidate]
        return None

    return [find(path) for path in listed]
