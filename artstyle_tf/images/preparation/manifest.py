"""The table of prepared images: what each file is and where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.images.index.image_tables import csv_text, examples, read_csv_table
from artstyle_tf.images.preparation.journal import JOURNAL_FILE, Row, read_journal
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_text

MANIFEST_FILE = "manifest.csv"
REJECTED_FILE = "rejected.csv"

_TYPE_BY_COLUMN: dict[str, Any] = {
    "path": str,
    "label": str,
    "split": str,
    "group": str,
    "source": str,
    "source_digest": str,
    "parent": str,
    "digest": str,
    "width_px": "int64",
    "height_px": "int64",
    "policy": str,
    "seed": "Int64",
    "size_bytes": "int64",
    "recipe": str,
}
MANIFEST_COLUMNS = tuple(_TYPE_BY_COLUMN)
REJECTED_COLUMNS = ("path", "reason")


@dataclass(frozen=True)
class PreparedImages:
    """Clean RGB files in one folder, and where they came from.

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


def read_prepared(destination: Path) -> PreparedImages:
    """Reads what `prepare_images` left in a folder.

    Args:
        destination: the folder.

    Returns:
        Its images, all of which are there.

    Raises:
        ArtstyleError: if the folder was not prepared, not to the end, or files are gone.
    """
    destination = Path(destination)
    if not (destination / MANIFEST_FILE).is_file() or (destination / JOURNAL_FILE).exists():
        raise ArtstyleError(
            "The images are not prepared, or not all of them",
            received=f"{destination}",
            fix="run scripts/prepare_data.py; it goes on where it stopped",
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
            f"{len(changed)} prepared images in {destination} are gone or were changed",
            received=examples(changed),
            fix="run scripts/prepare_data.py, which makes them again",
        )
    return prepared


def is_there(file: Path, size_bytes: int) -> bool:
    """Whether a prepared file exists with its size; reading all of them would take too long."""
    try:
        return file.stat().st_size == size_bytes
    except OSError:
        return False


def write_tables(
    destination: Path, rows: Iterable[Row], rejected: Mapping[str, str]
) -> PreparedImages:
    """Writes manifest.csv and rejected.csv where they say something new.

    Args:
        destination: the folder.
        rows: of the manifest.
        rejected: source path -> reason.

    Returns:
        The same as tables.
    """
    manifest = pd.DataFrame(list(rows), columns=list(MANIFEST_COLUMNS)).astype(_TYPE_BY_COLUMN)
    manifest = manifest.sort_values("path", ignore_index=True)
    reasons = pd.DataFrame(sorted(rejected.items()), columns=list(REJECTED_COLUMNS), dtype=str)
    # The manifest comes last: where it is, the list of rejected images is complete.
    _write_if_new(destination / REJECTED_FILE, csv_text(reasons))
    _write_if_new(destination / MANIFEST_FILE, csv_text(manifest))
    return PreparedImages(destination, manifest, reasons)


def read_rows(destination: Path) -> dict[str, Row]:
    """Everything that earlier preparations of this folder, finished or not, say they made.

    Returns:
        Path without suffix -> row; the latest row counts.
    """
    rows: list[Row] = []
    if (destination / MANIFEST_FILE).is_file():
        rows += _read_table(destination / MANIFEST_FILE, _TYPE_BY_COLUMN).to_dict("records")
    rows += [row for row in read_journal(destination) if set(row) == set(MANIFEST_COLUMNS)]
    return {without_suffix(row["path"]): row for row in rows}


def without_suffix(path: str) -> str:
    """The part of a prepared path that is known before the image is read."""
    return path.rpartition(".")[0]


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


def _write_if_new(path: Path, text: str) -> None:
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)
