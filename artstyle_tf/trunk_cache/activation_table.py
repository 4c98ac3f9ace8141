"""Rows of activations on disk: written in shards, verified when they are opened, memory-mapped.

A table is a folder. A shard is two files: `<checksum>.npy` with the rows, and `<checksum>.json`
with the keys of the rows, written last; without it the shard does not exist. The checksum is of
rows and keys, so two programs that write the same ones at the same time cannot harm each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from artstyle_tf.system.content_cache import file_digest
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically, write_json
from artstyle_tf.system.npz_files import open_npy
from artstyle_tf.system.progress import SILENT, Reporter

ActivationType = Literal["float16", "float32"]

DESCRIPTION_FILE = "table.json"
_KEY_LENGTH = 16


class ActivationTable:
    """All stored rows for one boundary of one trunk.

    Args:
        description: everything that the rows depend on apart from the image and its view.
        dtype: of the rows on disk.
        reporter: receives a warning about damaged shards.
    """

    def __init__(
        self,
        root: Path,
        description: Mapping[str, Any],
        *,
        row_shape: tuple[int, ...],
        dtype: ActivationType,
        reporter: Reporter = SILENT,
    ) -> None:
        self.row_shape = row_shape
        self.dtype = np.dtype(dtype)
        self._description = {**description, "row_shape": list(row_shape), "dtype": dtype}
        self.folder = root / table_key(self._description)
        self._reporter = reporter
        self._shards: dict[str, np.ndarray] = {}
        self._location_of: dict[str, tuple[str, int]] = {}

    @property
    def row_bytes(self) -> int:
        """Size of one row on disk."""
        return int(np.prod(self.row_shape)) * self.dtype.itemsize

    def refresh(self) -> None:
        """Read what is on disk, mark it as used, and remove damaged shards."""
        if not (self.folder / DESCRIPTION_FILE).is_file():
            return
        with contextlib.suppress(OSError):  # another user's folder can be read but not touched
            (self.folder / DESCRIPTION_FILE).touch()
        # Not the hidden ones: others are writing them at the moment.
        for keys_file in sorted(self.folder.glob("[!.]*.json")):
            if keys_file.name != DESCRIPTION_FILE and keys_file.stem not in self._shards:
                self._open_shard(keys_file)

    def missing(self, keys: Sequence[str]) -> np.ndarray:
        """Return positions int64 [M] of the keys that have no row yet."""
        return np.flatnonzero([key not in self._location_of for key in keys])

    def add(self, keys: Sequence[str], rows: np.ndarray) -> None:
        """Write a shard.

        Args:
            keys: one a row.
            rows: float [R, ...]; converted to the table's type.

        Raises:
            ArtstyleError: if a value does not fit the type, or the disk is full.
        """
        with np.errstate(over="ignore"):
            converted = np.ascontiguousarray(rows, dtype=self.dtype)
        if not np.isfinite(converted).all():
            raise ArtstyleError(
                "An activation cannot be stored",
                received=f"a value of {np.abs(rows).max():g}",
                expected=f"finite values up to {np.finfo(self.dtype).max:g}, as {self.dtype} holds",
                fix="training.trunk_cache.dtype=float32, or training.trunk_cache.mode=never",
            )
        checksum = _checksum(converted, keys)
        if not (self.folder / DESCRIPTION_FILE).is_file():
            write_json(self.folder / DESCRIPTION_FILE, self._description)
        with replaced_atomically(self.folder / f"{checksum}.npy") as temporary:
            np.save(temporary, converted)
        write_json(self.folder / f"{checksum}.json", list(keys))
        self._open_shard(self.folder / f"{checksum}.json")

    def read(self, keys: Sequence[str]) -> np.ndarray:
        """Return rows of some keys, all of which are stored: float32 [R, ...]."""
        rows = np.empty((len(keys), *self.row_shape), dtype=np.float32)
        for position, key in enumerate(keys):
            shard, row = self._location_of[key]
            rows[position] = self._shards[shard][row]
        return rows

    def _open_shard(self, keys_file: Path) -> None:
        rows_file = keys_file.with_suffix(".npy")
        try:
            keys = json.loads(keys_file.read_text(encoding="utf-8"))
            rows = open_npy(rows_file)
            # Reading all rows takes as long as a training on them, so it is done once.
            checksum = file_digest(
                rows_file,
                kind=f"activations of {_checksum_of_keys(keys).hexdigest()}",
                compute=lambda: _checksum(rows, keys),
            )
            expected = ((len(keys), *self.row_shape), self.dtype, keys_file.stem)
            if (rows.shape, rows.dtype, checksum) != expected:
                raise ValueError("its content is not what was written")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            if keys_file.exists():  # else another program has just removed it
                self._reporter.warn(f"A damaged part of the trunk cache is recomputed: {error}")
            for file in (keys_file, rows_file):
                with contextlib.suppress(OSError):
                    file.unlink()
            return
        self._shards[keys_file.stem] = rows
        for row, key in enumerate(keys):
            self._location_of.setdefault(key, (keys_file.stem, row))


def table_key(description: Mapping[str, Any]) -> str:
    """Return the name of a table's folder, from everything that its rows depend on."""
    text = json.dumps(description, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def _checksum(rows: np.ndarray, keys: Sequence[str]) -> str:
    # Of the keys too: different images can have equal rows.
    checksum = _checksum_of_keys(keys)
    checksum.update(np.ascontiguousarray(rows).data)
    return checksum.hexdigest()


def _checksum_of_keys(keys: Sequence[str]) -> hashlib.blake2b:
    return hashlib.blake2b(json.dumps(list(keys)).encode(), digest_size=16)
