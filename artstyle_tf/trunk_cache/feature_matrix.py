"""A matrix of features on disk, next to the tables of activations and managed like one of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.system.files import replaced_atomically, write_json
from artstyle_tf.system.npz_files import open_npy
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.trunk_cache.activation_table import DESCRIPTION_FILE, table_key
from artstyle_tf.trunk_cache.cache_folder import make_room

_DTYPE = np.dtype("<f4")


class FeatureMatrix:
    """One matrix float32 [N, D], found by everything that it depends on.

    It has a separate folder, with the files of an `ActivationTable`: so it is listed, counted,
    and removed with the rest of the trunk cache.

    Args:
        root: folder of the trunk cache.
        description: everything that the matrix depends on, the images and their order included.
        reporter: receives a warning about a damaged file.
    """

    def __init__(
        self, root: Path, description: Mapping[str, Any], *, reporter: Reporter = SILENT
    ) -> None:
        self._root = root
        self._description = dict(description)
        self._reporter = reporter
        self.folder = root / table_key(self._description)
        text = json.dumps(self._description, sort_keys=True)
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._rows_file = self.folder / f"{name}.npy"
        self._checksum_file = self.folder / f"{name}.json"  # written last

    def open(self) -> np.memmap | None:
        """Open the matrix; None if it does not exist, or is damaged, which removes it."""
        try:
            expected = json.loads(self._checksum_file.read_text(encoding="utf-8"))
            matrix = open_npy(self._rows_file)
            if [_checksum(matrix), str(matrix.dtype), matrix.ndim] != [expected, "float32", 2]:
                raise ValueError("its content is not what was written")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            self._reporter.warn(f"A damaged part of the trunk cache is recomputed: {error}")
            for file in (self._checksum_file, self._rows_file):
                with contextlib.suppress(OSError):
                    file.unlink()
            return None
        with contextlib.suppress(OSError):  # another user's folder can be read but not touched
            (self.folder / DESCRIPTION_FILE).touch()
        return matrix  # pyright: ignore[reportReturnType]

    def write(
        self,
        batches: Iterable[np.ndarray],
        shape: tuple[int, int],
        *,
        size_limit_bytes: int,
        kept: Iterable[str] = (),
    ) -> np.memmap:
        """Write the matrix and open it. Hold its lock meanwhile: see `cache_folder.filling`.

        Args:
            batches: float [B, D], together the rows.
            size_limit_bytes: for all of the trunk cache; see `make_room`.
            kept: keys of tables that must stay, because the batches come from them.

        Raises:
            ArtstyleError: if the folder cannot be written, or the disk is full.
        """
        make_room(
            self._root,
            int(np.prod(shape)) * _DTYPE.itemsize,
            size_limit_bytes=size_limit_bytes,
            kept={self.folder.name, *kept},
        )
        write_json(self.folder / DESCRIPTION_FILE, self._description)
        header = {"descr": _DTYPE.str, "fortran_order": False, "shape": shape}
        checksum = hashlib.blake2b(digest_size=16)
        # Not a memory map: where the disk is full, writing to one kills the process.
        with replaced_atomically(self._rows_file) as temporary, temporary.open("wb") as opened:
            np.lib.format.write_array_header_1_0(opened, header)
            for batch in batches:
                rows = np.ascontiguousarray(batch, dtype=_DTYPE)
                checksum.update(rows.data)
                opened.write(rows.data)
        write_json(self._checksum_file, checksum.hexdigest())
        return open_npy(self._rows_file)  # pyright: ignore[reportReturnType]


def _checksum(matrix: np.ndarray) -> str:
    data = np.ascontiguousarray(matrix).data
    return hashlib.blake2b(data, digest_size=16).hexdigest()
