"""CSV files that a user names: whether they can be opened; `picture_tables` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artstyle_tf.errors import ArtstyleError


def check_table_file(path: Path, *, columns: Sequence[str], what: str) -> None:
    """Checks that a file can be opened.

    Args:
        path: the file.
        columns: it should have.
        what: the file's role for messages, e.g. "split file".

    Raises:
        ArtstyleError: if it cannot.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise unreadable_table(path, error, columns=columns, what=what) from error


def unreadable_table(
    path: Path, error: OSError, *, columns: Sequence[str], what: str
) -> ArtstyleError:
    """The error for a table that the system does not let us read."""
    return ArtstyleError(
        f"The {what} cannot be read",
        received=f"{path}: {error.strerror or error}",
        expected=f"a CSV file with the columns {', '.join(columns)}",
    )
