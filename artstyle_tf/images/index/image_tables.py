"""CSV files that name images or styles: those of users, and those that the program writes."""

from __future__ import annotations

import csv
import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.images.index.csv_reading import from_cell, read_csv_rows, to_cell
from artstyle_tf.images.index.examples import examples as examples
from artstyle_tf.system.errors import ArtstyleError


def read_image_table(path: Path, *, columns: Sequence[str], what: str) -> pd.DataFrame:
    """Read a user's CSV file whose rows are about images; for the arguments see `read_csv_rows`.

    Returns:
        Exact strings: blanks at the ends of a cell may belong to a name. An empty cell is "", and
        a style named "NA" is preserved.

    Raises:
        ArtstyleError: if the file is missing, not a CSV file, or lacks a column or any row.
    """
    path = Path(path)
    names, rows = read_csv_rows(path, columns=columns, what=what)
    if not rows:
        raise ArtstyleError(
            f"The {what} {path} names no images",
            expected=f"a CSV file with the columns {', '.join(columns)}",
        )
    table = pd.DataFrame(rows, columns=names, dtype=str)
    return table.loc[:, [name != "" for name in names] & ~table.columns.duplicated()]


def csv_text(table: pd.DataFrame, **options: Any) -> str:
    """Format a table as CSV that `read_csv_table` restores, with any names of files and styles.

    Text that a spreadsheet would take for a formula is marked by `to_cell`.

    Args:
        table: of images or styles.
        options: of `DataFrame.to_csv`; the index is left out unless it has a label.
    """
    options = {"index": "index_label" in options, "lineterminator": "\n", **options}
    table = _with_texts(table, to_cell, with_index=options["index"])
    text = table.to_csv(**options)
    if "\r" in text:  # pandas does not quote it, and reads it as a line end
        text = table.to_csv(**{**options, "quoting": csv.QUOTE_NONNUMERIC})
    return text


def read_csv_table(path: Path, **options: Any) -> pd.DataFrame:
    """Read the output of `csv_text`, or of an earlier version, which marked no text.

    Raises:
        OSError, ValueError, OverflowError: of `pandas.read_csv`, whose options may be given.
    """
    return _with_texts(pd.read_csv(path, **options), from_cell)


def _with_texts(
    table: pd.DataFrame, change: Callable[[str], str], *, with_index: bool = False
) -> pd.DataFrame:
    """Change all texts of a table, also the names of columns and rows; numbers stay."""

    def changed(values: Iterable[Any]) -> list[Any]:
        return [change(value) if isinstance(value, str) else value for value in values]

    other = table.copy(deep=False)
    for position, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            text_dtype = object if isinstance(dtype, pd.CategoricalDtype) else dtype
            texts = changed(table.iloc[:, position])
            other.isetitem(position, pd.Series(texts, table.index, dtype=text_dtype))
    other.columns = changed(table.columns)
    if with_index:
        other.index = pd.Index(changed(table.index), name=table.index.name)
    return other


def match_images(
    listed: Iterable[str], *, known: Iterable[str], root: Path, folder: Path
) -> list[str | None]:
    """Find the images that a user's table names.

    Args:
        listed: paths as written: relative to `root` or `folder`, or absolute; with / or with
            Windows' backslash.
        known: paths relative to the root, with /.
        root: folder of the images.
        folder: folder of the table.

    Returns:
        For each listed path the known one, or None.
    """
    known = list(known)
    finders = [_Finder(known, root, folder, change) for change in (str, same_text)]

    def find(path: str) -> str | None:
        # Exactly as written first: outer blanks and forms of accents may distinguish names.
        for finder in finders:
            for written in (path, path.replace("\\", "/")):
                found = finder.find(written)
                if found is not None:
                    return found
        return None

    return [find(path) for path in listed]


class _Finder:
    """Index of known paths that finds a path after the same change of both."""

    def __init__(
        self, known: Sequence[str], root: Path, folder: Path, change: Callable[[str], str]
    ) -> None:
        self._change = change
        self._known: dict[str, str | None] = {}
        for path in known:
            changed = change(path)
            # Two names that the change makes equal are ambiguous.
            self._known[changed] = None if changed in self._known else path
        self._bases = ("", f"{Path(folder).resolve().as_posix()}/")
        # With links followed and with links as the user wrote them.
        roots = (Path(root).resolve(), Path(root).absolute())
        self._roots = [change(f"{path.as_posix()}/") for path in roots]

    def find(self, written: str) -> str | None:
        for base in self._bases:
            candidate = self._change(posixpath.normpath(base + written))
            for start in self._roots:
                candidate = candidate.removeprefix(start)
            found = self._known.get(candidate)
            if found is not None:
                return found
        return None


def same_text(text: str) -> str:
    """Normalize a name: no blanks around it, accents in one form.

    macOS stores "é" as two characters, most other systems as one.
    """
    return unicodedata.normalize("NFC", text).strip()
