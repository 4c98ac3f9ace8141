"""What an interrupted preparation has done so far."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, TextIO

from artstyle_tf.system.files import cannot_write

JOURNAL_FILE = ".journal.jsonl"

Row = dict[str, Any]
"""One row of the manifest."""


class Journal:
    """Notes every file before it appears, so that an interrupted preparation can go on.

    A file that lies in the folder is therefore always noted; a noted file may be missing. While
    there is a journal, the preparation is not finished.

    Args:
        destination: folder of the prepared images.
    """

    def __init__(self, destination: Path) -> None:
        self._path = destination / JOURNAL_FILE
        self._file: TextIO | None = None

    def note(self, row: Row) -> None:
        """Appends one row of the manifest."""
        self.open().write(json.dumps(row, ensure_ascii=False) + "\n")
        self.open().flush()

    def open(self) -> TextIO:
        """Opens the file if it is not open: from now on the preparation is unfinished."""
        if self._file is None:
            try:
                self._file = self._path.open("a", encoding="utf-8", newline="\n")
            except OSError as error:
                raise cannot_write(self._path, error) from error
            if self._file.tell():
                self._file.write("\n")  # Ends a line that a kill has left half-written.
        return self._file

    def close(self) -> None:
        """Keeps the notes for the next attempt."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> None:
        """Throws the notes away: the manifest says it all."""
        self.close()
        self._path.unlink(missing_ok=True)


def read_journal(destination: Path) -> list[Row]:
    """What is noted, oldest first; nothing if there is no journal."""
    path = destination / JOURNAL_FILE
    if not path.is_file():
        return []
    rows = []
    # Names may hold other characters that end a line in Unicode.
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with contextlib.suppress(ValueError):  # A kill may leave the last line half-written.
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows
