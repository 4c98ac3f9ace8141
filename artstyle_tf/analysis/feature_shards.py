"""Features of many images on disk: computed shard by shard, resumable, readable by other tools.

A shard is an .npz file of a thousand images: `features` float32 [n, D], and for each image the
columns of the image table (path, parent, label, split, group, ...), so that it can be used alone.
It is written when it is complete; an interrupted extraction computes only missing shards. No more
than one shard is in memory, however many there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.system.files import replaced_atomically, write_json
from artstyle_tf.system.npz_files import ArrayForm, read_npz
from artstyle_tf.system.progress import SILENT, Reporter

ROWS_IN_A_SHARD = 1024

COLUMNS = ("path", "source", "label", "split", "group", "parent", "digest", "source_digest")
"""Columns of each image in a shard, as strings."""

FORMAT_VERSION = 1
_DESCRIPTION_FILE = "features.json"
_KEY_LENGTH = 12

ComputeFeatures = Callable[[pd.DataFrame], np.ndarray]
"""Rows of the table of images -> features float32 [n, D]."""


class FeatureShards:
    """Features of the N images of a table.

    Args:
        root: folder of all features; these get a subfolder.
        name: start of the folder's name, for people.
        description: everything the features depend on apart from the images, as JSON values.
        images: N rows with `COLUMNS`.
        rows_in_a_shard: images in each file.
        reporter: reports damaged shards.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        description: Mapping[str, Any],
        images: pd.DataFrame,
        *,
        rows_in_a_shard: int = ROWS_IN_A_SHARD,
        reporter: Reporter = SILENT,
    ) -> None:
        self.images = images.reset_index(drop=True)
        self._description = {
            "format": FORMAT_VERSION,
            **description,
            "num_images": len(images),
            "rows_in_a_shard": rows_in_a_shard,
            "images": _digest(self.images),
        }
        canonical = json.dumps(self._description, sort_keys=True)
        key = hashlib.sha256(canonical.encode()).hexdigest()[:_KEY_LENGTH]
        self.folder = root / f"{name}-{key}"
        self._rows_in_a_shard = rows_in_a_shard
        self._reporter = reporter

    def __len__(self) -> int:
        return len(self.images)

    @property
    def num_shards(self) -> int:
        """Files that hold all images."""
        return -(-len(self) // self._rows_in_a_shard)

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are missing or damaged."""
        return [number for number in range(self.num_shards) if not self._is_whole(number)]

    def extract(self, compute: ComputeFeatures) -> None:
        """Compute and write the missing shards; it can be interrupted between two of them.

        Args:
            compute: computes the features of a shard's images.

        Raises:
            ArtstyleError: if the folder cannot be written.
            ValueError: if `compute` returns anything but finite numbers, one row an image.
        """
        missing = self.missing()
        if not missing:
            return
        write_json(self.folder / _DESCRIPTION_FILE, self._description)
        tracked = self._reporter.track(
            missing, total=len(missing), description="Features", unit="shards"
        )
        for number in tracked:
            rows = self.images.iloc[self._rows(number)]
            features = np.asarray(compute(rows), dtype=np.float32)
            if features.ndim != 2 or len(features) != len(rows) or not np.isfinite(features).all():
                raise ValueError(
                    f"`compute` should return finite features [{len(rows)}, D]. "
                    f"Received: shape {features.shape}"
                )
            columns = {name: rows[name].to_numpy(dtype=str) for name in COLUMNS}
            with replaced_atomically(self._file(number)) as temporary:
                np.savez(temporary, allow_pickle=False, features=features, **columns)

    def read(self, positions: np.ndarray | None = None) -> np.ndarray:
        """Return features float32 [M, D] at ascending positions int [M]; None for all N."""
        chosen = np.arange(len(self)) if positions is None else np.asarray(positions)
        shards = chosen // self._rows_in_a_shard
        parts = []
        for number in np.unique(shards):
            inside = chosen[shards == number]
            shard = read_npz(self._file(int(number)), names=["features"])
            parts.append(shard["features"][inside - number * self._rows_in_a_shard])
        return np.concatenate(parts)

    def _rows(self, number: int) -> slice:
        start = number * self._rows_in_a_shard
        return slice(start, min(start + self._rows_in_a_shard, len(self)))

    def _file(self, number: int) -> Path:
        return self.folder / f"features-{number:05d}.npz"

    def _is_whole(self, number: int) -> bool:
        file = self._file(number)
        if not file.is_file():
            return False
        try:
            # All of it, for the checksums.
            read_npz(file, check=lambda forms: self._check_forms(number, forms))
        except (OSError, ValueError, KeyError) as error:
            damage = " ".join(str(error).split())
            self._reporter.warn(f"{file} is damaged ({damage}) and is computed again.")
            return False
        return True

    def _check_forms(self, number: int, forms: Mapping[str, ArrayForm]) -> None:
        """Raise ValueError or KeyError if a shard is not one of these images."""
        rows = self._rows(number)
        count = rows.stop - rows.start
        (*counts, width), dtype = forms["features"]
        expected = self._description.get("dimension", width)
        if (counts, width, dtype) != ([count], expected, np.float32):
            raise ValueError(f"features: {dtype} {forms['features'].shape}, for {count} images")
        for name in COLUMNS:
            if forms[name].shape != (count,) or forms[name].dtype.kind != "U":
                raise ValueError(f"{name}: {forms[name].dtype} {forms[name].shape}")


def _digest(images: pd.DataFrame) -> str:
    """Return a digest that is equal for the same rows in the same order."""
    digest = hashlib.sha256()
    for name in COLUMNS:
        for value in images[name]:
            digest.update(str(value).encode() + b"\0")
    return digest.hexdigest()
