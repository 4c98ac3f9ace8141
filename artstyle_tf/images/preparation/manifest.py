"""The manifest of prepared images, and the journal of a preparation that is not finished yet."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from artstyle_tf.images.index.image_tables import csv_text, examples, read_csv_table
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, write_text

MANIFEST_FILE = "manifest.csv"
REJECTED_FILE = "rejected.csv"
JOURNAL_FILE = ".journal.jsonl"

Row = dict[str, Any]
"""One row of the manifest."""

_TYPE_BY_COLUMN: dict[str, Any] = {
    **dict.fromkeys(("path", "label", "split", "group", "source"), str),
    **dict.fromkeys(("source_digest", "parent", "digest"), str),
    **dict.fromkeys(("width_px", "height_px"), "int64"),
    "policy": str,
    "seed": "Int64",
    "size_bytes": "int64",
    "recipe": str,
}
MANIFEST_COLUMNS = tuple(_TYPE_BY_COLUMN)
REJECTED_COLUMNS = ("path", "reason")


@dataclass(frozen=True)
class PreparedImages:
    """Clean RGB files in one folder, and their sources.

    Attributes:
        root: the folder.
        manifest: sorted by path; one row per file with the columns path (relative to root, with
            /), label, split, group, source (relative to the images' root), source_digest, parent
            (path of the original for an augmented child, else ""), digest (SHA-256 of the file),
            width_px, height_px, policy ("" for originals), seed (missing for originals),
            size_bytes, recipe.
        rejected: sorted by path; columns path (relative to the images' root) and reason.
    """

    root: Path
    manifest: pd.DataFrame
    rejected: pd.DataFrame

    @property
    def class_names(self) -> tuple[str, ...]:
        """The styles, sorted; a style's position is its class id."""
        return tuple(sorted(self.manifest["label"].unique()))


class Journal:
    """Record of every file before it appears, so that an interrupted preparation can be resumed.

    Therefore a file in the folder is always recorded; a recorded file may be missing. While there
    is a journal in the folder of prepared images, the preparation is not finished.
    """

    def __init__(self, destination: Path) -> None:
        self._path = destination / JOURNAL_FILE
        self._file: TextIO | None = None

    def record(self, row: Row) -> None:
        """Append one row of the manifest."""
        self.open().write(json.dumps(row, ensure_ascii=False) + "\n")
        self.open().flush()

    def open(self) -> TextIO:
        """Open the file if it is not open: from now on the preparation is unfinished."""
        if self._file is None:
            try:
                self._file = self._path.open("a", encoding="utf-8", newline="\n")
            except OSError as error:
                raise cannot_write(self._path, error) from error
            if self._file.tell():
                self._file.write("\n")  # Ends a line that a kill has left half-written.
        return self._file

    def close(self) -> None:
        """Close the file, which stays for the next attempt."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> None:
        """Delete the journal: the manifest is complete."""
        self.close()
        self._path.unlink(missing_ok=True)


def read_prepared(destination: Path) -> PreparedImages:
    """Read the result of `prepare_images` from its folder.

    Returns:
        The images, all of which exist.

    Raises:
        ArtstyleError: if the folder was not prepared, not to the end, or files are missing.
    """
    destination = Path(destination)
    if not (destination / MANIFEST_FILE).is_file() or (destination / JOURNAL_FILE).exists():
        raise ArtstyleError(
            "The images are not prepared, or not all of them",
            received=f"{destination}",
            fix="run scripts/prepare_data.py; it continues where it stopped",
        )
    prepared = PreparedImages(
        destination,
        _read_table(destination / MANIFEST_FILE, _TYPE_BY_COLUMN),
        _read_table(destination / REJECTED_FILE, dict.fromkeys(REJECTED_COLUMNS, str)),
    )
    rows = zip(prepared.manifest["path"], prepared.manifest["size_bytes"], strict=True)
    changed = [path for path, size in rows if not is_there(destination / path, size)]
    if changed:
        raise ArtstyleError(
            f"{len(changed)} prepared images in {destination} are missing or were changed",
            received=examples(changed),
            fix="run scripts/prepare_data.py, which creates them again",
        )
    return prepared


def is_there(file: Path, size_bytes: int) -> bool:
    """Return whether a prepared file has its size; reading all of them would take too long."""
    try:
        return file.stat().st_size == size_bytes
    except OSError:
        return False


def write_tables(
    destination: Path, rows: Iterable[Row], rejected: Mapping[str, str]
) -> PreparedImages:
    """Write manifest.csv and rejected.csv (source path, reason) where they changed; return both."""
    manifest = pd.DataFrame(list(rows), columns=list(MANIFEST_COLUMNS)).astype(_TYPE_BY_COLUMN)
    manifest = manifest.sort_values("path", ignore_index=True)
    reasons = pd.DataFrame(sorted(rejected.items()), columns=list(REJECTED_COLUMNS), dtype=str)
    # The manifest comes last: if it exists, the list of rejected images is complete.
    _write_if_changed(destination / REJECTED_FILE, csv_text(reasons))
    _write_if_changed(destination / MANIFEST_FILE, csv_text(manifest))
    return PreparedImages(destination, manifest, reasons)


def read_rows(destination: Path) -> dict[str, Row]:
    """Read the rows of all earlier preparations of this folder, finished or not.

    Returns:
        Path without suffix -> row; the latest row counts.
    """
    rows: list[Row] = []
    if (destination / MANIFEST_FILE).is_file():
        rows += _read_table(destination / MANIFEST_FILE, _TYPE_BY_COLUMN).to_dict("records")
    rows += [row for row in _read_journal(destination) if set(row) == set(MANIFEST_COLUMNS)]
    return {without_suffix(row["path"]): row for row in rows}


def without_suffix(path: str) -> str:
    """Return the part of a prepared path that is known before the image is read."""
    return path.rpartition(".")[0]


def _read_journal(destination: Path) -> list[Row]:
    """Return the recorded rows, oldest first; none without a journal."""
    path = destination / JOURNAL_FILE
    if not path.is_file():
        return []
    rows = []
    # Names may contain other characters that end a line in Unicode.
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with contextlib.suppress(ValueError):  # A kill may leave the last line half-written.
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows


def _read_table(path: Path, type_by_column: Mapping[str, Any]) -> pd.DataFrame:
    try:
        # A style called "NA" is a style, not a missing value.
        table = read_csv_table(path, dtype=str, keep_default_na=False)
        table = table[list(type_by_column)].fillna("")
        if "seed" in table:
            table["seed"] = pd.to_numeric(table["seed"].replace("", None))
        return table.astype(type_by_column)
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            "A list of prepared images is damaged",
            received=f"{path}: {error}",
            fix=f"delete {path.parent} and prepare the images again",
        ) from error


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)
