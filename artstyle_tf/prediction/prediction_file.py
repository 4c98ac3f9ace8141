"""Store predictions as they are computed, and write them as CSV or JSON lines at the end."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from artstyle_tf.images.index.csv_reading import to_cell
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, json_text, replaced_atomically
from artstyle_tf.system.locks import held

FORMATS = (".csv", ".jsonl")

_UNREADABLE = "unreadable"
_FORMAT = 2  # of the stored rows; files of an earlier format are not continued
_ROWS_SHOWN = 20


class PredictionFile:
    """A file of predictions that an interrupted program continues.

    Predictions are stored in a file next to it, one JSON object per line, and synced: a kill
    loses seconds of work. The file itself appears when it is complete.

    Args:
        path: .csv or .jsonl.
        made_by: what the predictions depend on; a program with other values does not continue them.

    Raises:
        ArtstyleError: if the file exists or has another suffix; on entering, if it was begun with
            other values of `made_by` or is being written by another program.
    """

    def __init__(self, path: Path, made_by: Mapping[str, Any]) -> None:
        if path.suffix not in FORMATS:
            raise ArtstyleError(
                "Predictions are written as CSV or as JSON lines",
                received=f"--output {path}",
                expected=f"a file that ends in {' or '.join(FORMATS)}",
            )
        if path.exists():
            raise ArtstyleError(
                f"{path} exists already",
                fix="remove it, or choose another file with --output",
            )
        self.path = path
        self._notes = path.with_name(f".{path.name}.partial")
        self._made_by = json.dumps({"format": _FORMAT, **made_by}, sort_keys=True)
        self._file: Any = None
        self._held = contextlib.ExitStack()
        self.done: set[str] = set()

    def __enter__(self) -> PredictionFile:
        with contextlib.ExitStack() as stack:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                lock = self._notes.with_suffix(".lock")
                stack.enter_context(held(lock, busy=self._refuse))
                stack.callback(lock.unlink, missing_ok=True)
                self.done = self._read_done()
                is_new = not self._notes.exists()
                self._file = stack.enter_context(self._notes.open("a", encoding="utf-8"))
            except OSError as error:
                raise cannot_write(self._notes, error) from error
            if is_new:
                self._write(self._made_by)
            self._held = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):  # a full disk, which `add` has reported
            self._file.close()
        self._held.close()

    def _refuse(self, holder: str) -> None:
        raise ArtstyleError(
            f"Another program is writing {self.path}",
            received=holder,
            fix="wait until it has ended, or choose another file with --output",
        )

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store predictions; a row with `unreadable`, a reason, is an unreadable file."""
        for row in rows:
            self._write(json.dumps(row, ensure_ascii=False))
            self.done.add(row["path"])
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self._notes, error) from error

    def finish(self) -> tuple[list[dict[str, str]], dict[str, int], list[dict[str, Any]]]:
        """Write the file.

        Returns:
            The unreadable files (path, reason); images per prediction; the first rows.
        """
        self._file.flush()
        unreadable: list[dict[str, str]] = []
        counts: dict[str, int] = {}
        first: list[dict[str, Any]] = []

        def readable() -> Iterator[dict[str, Any]]:
            for row in self._rows():
                if _UNREADABLE in row:
                    unreadable.append({"path": row["path"], "reason": row[_UNREADABLE]})
                    continue
                counts[row["prediction"]] = counts.get(row["prediction"], 0) + 1
                if len(first) < _ROWS_SHOWN:
                    first.append(row)
                yield row

        with replaced_atomically(self.path) as temporary:
            write = _write_csv if self.path.suffix == ".csv" else _write_json_lines
            write(temporary, readable())
        self._notes.unlink()
        return unreadable, counts, first

    def _write(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
        except OSError as error:
            raise cannot_write(self._notes, error) from error

    def _read_done(self) -> set[str]:
        if self._notes.exists():
            self._drop_incomplete_line()
        if not self._notes.exists():
            return set()
        with self._notes.open(encoding="utf-8") as file:
            if file.readline().rstrip("\n") != self._made_by:
                raise ArtstyleError(
                    f"{self.path} was begun with another model or other settings",
                    fix=f"finish it with those, remove {self._notes}, or choose another --output",
                )
        return {row["path"] for row in self._rows()}

    def _drop_incomplete_line(self) -> None:
        """Drop an incomplete last line, which a killed program can leave."""
        with self._notes.open("rb+") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)
        if not self._notes.stat().st_size:
            self._notes.unlink()

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self._notes.exists():
            return
        with self._notes.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                with contextlib.suppress(ValueError):  # a power cut can leave zeros
                    row = json.loads(line)
                    if isinstance(row, dict) and "path" in row:
                        yield row


def write_left_out(
    output: Path, unreadable: Sequence[Mapping[str, str]], ignored: Sequence[Mapping[str, str]]
) -> Path | None:
    """Write which files have no prediction, next to the predictions.

    Args:
        output: file of the predictions, e.g. styles.csv.
        unreadable: path and reason of files that could not be read.
        ignored: path and reason of skipped files and folders.

    Returns:
        The CSV file with the columns path, status and reason, e.g. styles.left_out.csv; None if
        nothing was left out.
    """
    file = output.with_name(f"{output.stem}.left_out.csv")
    if not unreadable and not ignored:
        file.unlink(missing_ok=True)  # of an earlier output of this name
        return None
    with (
        replaced_atomically(file) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as written,
    ):
        writer = csv.writer(written)
        writer.writerow(["path", "status", "reason"])
        for status, rows in ((_UNREADABLE, unreadable), ("ignored", ignored)):
            writer.writerows(map(_cell, (row["path"], status, row["reason"])) for row in rows)
    return file


def _write_csv(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = None
        for row in rows:
            flat = {key: value for key, value in row.items() if not isinstance(value, dict | list)}
            for rank, (name, confidence) in enumerate(row["top"], start=1):
                flat[f"top_{rank}"], flat[f"top_{rank}_confidence"] = name, confidence
            if "neighbors" in row:
                nearest = row["neighbors"][0]
                flat["nearest"], flat["nearest_distance"] = nearest["id"], nearest["distance"]
            if writer is None:
                writer = csv.DictWriter(file, list(flat))
                writer.writeheader()
            writer.writerow({key: _cell(value) for key, value in flat.items()})


def _cell(value: Any) -> Any:
    """Return the value for a CSV file, where a name must not become a formula."""
    return to_cell(value) if isinstance(value, str) else value


def _write_json_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_text(row, str(path)) + "\n")
