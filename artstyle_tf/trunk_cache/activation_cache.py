"""Activations of a frozen trunk, computed once and stored on disk.

While the blocks below a boundary are frozen and the images are fixed, the activations at the
boundary never change. So a phase of training needs the trunk once for each view of an image instead
of once for each image and epoch, and the next run does not need it at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_segment, build_trunk, cut_name
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.trunk_cache.activation_table import ActivationTable, ActivationType
from artstyle_tf.trunk_cache.cache_decision import format_bytes
from artstyle_tf.trunk_cache.cache_folder import filling, make_room
from artstyle_tf.trunk_cache.trunk_runtime import (
    CompileTrunk,
    RuntimeChoice,
    TrunkRuntime,
    open_trunk_runtime,
)

FORMAT_VERSION = 2  # 1 named shards by their rows alone, so that equal rows lost their keys

# What an interruption may cost, in rows and in memory.
_MAX_ROWS_IN_A_SHARD = 512
_MAX_BYTES_IN_A_SHARD = 32 * 2**20

ImageLoader = Callable[[np.ndarray], Iterable[np.ndarray]]
"""Positions int [M] of rows -> their images in batches float32 [B, S, S, 3]."""


class Activations:
    """Rows of N images in V views at one boundary, memory-mapped.

    Args:
        keys: N * V, the views of one image following each other.
    """

    def __init__(self, table: ActivationTable, keys: Sequence[str], num_views: int) -> None:
        self._table = table
        self._keys = keys
        self._num_views = num_views

    def __len__(self) -> int:
        return len(self._keys) // self._num_views

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self._table.row_shape

    def read(self, numbers: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Return rows of images int [B] in views int [B]: float32 [B, ...]."""
        positions = numbers * self._num_views + views
        return self._table.read([self._keys[int(position)] for position in positions])

    def plain(self) -> np.ndarray:
        """Return rows of all images in view 0: float32 [N, ...]."""
        numbers = np.arange(len(self))
        return self.read(numbers, np.zeros_like(numbers))


class ActivationCache:
    """The activations of one network's frozen blocks, at any of its boundaries.

    The weights are read with every request: if a block below the boundary has been trained in the
    meantime, the rows on disk do not match any more and new ones are computed.

    Args:
        folder: where the rows are stored; several runs and programs can share it.
        network: whose blocks are frozen.
        preprocessing: of an image before it reaches the network, as JSON values.
        size_limit_bytes: for the whole folder; least recently used rows are removed.
        runtime: of the forward passes.
        compile_trunk: a faster one with means of the backend; see `trunk_cache.trunk_runtime`.
    """

    def __init__(
        self,
        folder: Path,
        network: Network,
        *,
        preprocessing: Mapping[str, Any],
        size_limit_bytes: int,
        runtime: RuntimeChoice = "auto",
        compile_trunk: CompileTrunk | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        self.folder = folder
        self._network = network
        self._preprocessing = dict(preprocessing)
        self.size_limit_bytes = size_limit_bytes
        self._runtime_choice: RuntimeChoice = runtime
        self._compile_trunk = compile_trunk
        self._trunks: dict[int, keras.Model] = {}
        self._tables: dict[Path, ActivationTable] = {}
        self._opened: tuple[str, TrunkRuntime] | None = None
        self._reporter = reporter

    def tables(
        self, boundaries: Sequence[int], dtype: ActivationType
    ) -> dict[int, ActivationTable]:
        """Return boundary -> what is on disk for it now."""
        tables = {boundary: self._table(boundary, dtype) for boundary in boundaries}
        for table in tables.values():
            table.refresh()
        return tables

    def activations(
        self,
        boundaries: Sequence[int],
        keys: Sequence[str],
        load_images: ImageLoader,
        *,
        num_views: int = 1,
        dtype: ActivationType = "float16",
        description: str = "images",
    ) -> dict[int, Activations]:
        """Return rows at some boundaries; missing ones are computed first, in one forward pass.

        Args:
            boundaries: numbers of blocks above the cuts; see `models.splitting`.
            keys: N * V, one for each image and view, equal only if the pixels are equal; the
                views of one image follow each other.
            load_images: reads the missing images.
            dtype: of the rows on disk.
            description: of the images, for the progress report.

        Returns:
            Boundary -> its rows.

        Raises:
            ArtstyleError: if the folder cannot be written or a value does not fit the type.
        """
        tables = self.tables(boundaries, dtype)
        if any(table.missing(keys).size for table in tables.values()):
            with filling((table.folder for table in tables.values()), self._reporter):
                for table in tables.values():
                    table.refresh()  # another program may have been faster
                self._fill(tables, keys, load_images, description)
        return {boundary: Activations(table, keys, num_views) for boundary, table in tables.items()}

    def _table(self, boundary: int, dtype: ActivationType) -> ActivationTable:
        if boundary not in self._trunks:  # building one takes longer than reading its weights
            self._trunks[boundary] = build_segment(self._network, None, boundary)
        trunk, backbone = self._trunks[boundary], self._network.backbone
        description = {
            "format": FORMAT_VERSION,
            "backbone": backbone.name,
            "boundary": cut_name(self._network, boundary),
            "weights": weights_digest(trunk),
            "keras": keras.__version__,
            **self._preprocessing,
        }
        table = ActivationTable(
            self.folder,
            description,
            row_shape=trunk.output_shape[1:],
            dtype=dtype,
            reporter=self._reporter,
        )
        # An open one has verified its shards, which takes as long as reading them.
        return self._tables.setdefault(table.folder, table)

    def _fill(
        self,
        tables: Mapping[int, ActivationTable],
        keys: Sequence[str],
        load_images: ImageLoader,
        description: str,
    ) -> None:
        missing = {boundary: table.missing(keys) for boundary, table in tables.items()}
        lacking = [boundary for boundary, positions in missing.items() if positions.size]
        if not lacking:
            return
        needed = np.unique(np.concatenate([missing[boundary] for boundary in lacking]))
        new_bytes = sum(missing[boundary].size * tables[boundary].row_bytes for boundary in lacking)
        removed = make_room(
            self.folder,
            new_bytes,
            size_limit_bytes=self.size_limit_bytes,
            kept={table.folder.name for table in tables.values()},
        )
        if removed:
            freed = format_bytes(sum(table.size_bytes for table in removed))
            self._reporter.info(f"Removed {freed} of older activations from the trunk cache.")
        row_bytes = max(tables[boundary].row_bytes for boundary in lacking)
        shard_rows = max(1, min(_MAX_ROWS_IN_A_SHARD, _MAX_BYTES_IN_A_SHARD // row_bytes))
        outputs = self._outputs(lacking, load_images(needed), len(needed), description)
        for positions, rows_of_each in _grouped(outputs, needed, shard_rows):
            for boundary, rows in zip(lacking, rows_of_each, strict=True):
                new = np.isin(positions, missing[boundary])
                if new.any():
                    new_keys = [keys[int(position)] for position in positions[new]]
                    tables[boundary].add(new_keys, rows[new])

    def _outputs(
        self,
        boundaries: Sequence[int],
        batches: Iterable[np.ndarray],
        total: int,
        description: str,
    ) -> Iterator[list[np.ndarray]]:
        """Yield the activations at all boundaries, batch by batch."""
        batches = iter(batches)
        first = next(batches)
        runtime = self._runtime(boundaries, first)
        batches = itertools.chain([first], batches)
        num_batches = -(-total // len(first))
        tracked = self._reporter.track(
            batches,
            total=num_batches,
            description=f"Frozen blocks on {total:,} {description}",
            unit="batches",
        )
        for images in tracked:
            yield runtime.run(images)

    def _runtime(self, boundaries: Sequence[int], sample: np.ndarray) -> TrunkRuntime:
        """Open a runtime, or return the last one if nothing has changed: opening takes seconds."""
        trunk = build_trunk(self._network, boundaries)
        key = f"{boundaries} {weights_digest(trunk)}"
        if self._opened is None or self._opened[0] != key:
            runtime = open_trunk_runtime(
                trunk,
                self._runtime_choice,
                sample,
                compile_trunk=self._compile_trunk,
                reporter=self._reporter,
            )
            self._opened = key, runtime
        return self._opened[1]


def _grouped(
    outputs: Iterable[list[np.ndarray]], positions: np.ndarray, least_rows: int
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Join batches of outputs to groups of at least `least_rows` rows, with their positions."""
    waiting: list[list[np.ndarray]] = []
    start = end = 0
    for batch in outputs:
        waiting.append(batch)
        end += len(batch[0])
        if end - start >= least_rows or end == len(positions):
            joined = [np.concatenate(parts) for parts in zip(*waiting, strict=True)]
            yield positions[start:end], joined
            waiting, start = [], end
