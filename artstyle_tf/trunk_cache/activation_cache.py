"""Activations of a frozen trunk, computed once and kept on disk.

While the blocks below a boundary are frozen and the images are fixed, what reaches the boundary
never changes. So a phase of training needs the trunk once for each view of an image instead of
once for each image and epoch, and the next run does not need it at all.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_segment, build_trunk, cut_name
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.system.files import cannot_write, remove_leftovers
from artstyle_tf.system.locks import LOCK_FILE, held
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.trunk_cache.activation_table import ActivationTable, ActivationType
from artstyle_tf.trunk_cache.cache_decision import format_bytes
from artstyle_tf.trunk_cache.cache_folder import make_room
from artstyle_tf.trunk_cache.trunk_runtime import (
    CompileTrunk,
    RuntimeChoice,
    TrunkRuntime,
    open_trunk_runtime,
)

FORMAT_VERSION = 2  # 1 named shards by their rows alone, so that equal rows lost their keys

# What an interruption may cost, in rows and in memory.
_MOST_ROWS_IN_A_SHARD = 512
_MOST_BYTES_IN_A_SHARD = 32 * 2**20

ImageLoader = Callable[[np.ndarray], Iterable[np.ndarray]]
"""Positions int [M] of wanted rows -> their images in batches float32 [B, S, S, 3]."""


class Activations:
    """Rows of N images in V views at one boundary, memory-mapped.

    Args:
        table: holds the rows.
        keys: N * V, the views of one image following each other.
        num_views: V.
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
        """Rows of the images `numbers` int [B] in the views `views` int [B], float32 [B, ...]."""
        positions = numbers * self._num_views + views
        return self._table.read([self._keys[int(position)] for position in positions])

    def plain(self) -> np.ndarray:
        """Rows of all images in view 0, float32 [N, ...]."""
        numbers = np.arange(len(self))
        return self.read(numbers, np.zeros_like(numbers))


class ActivationCache:
    """The activations that one network's frozen blocks produce, at any of its boundaries.

    The weights are looked at when activations are asked for: if a block below the boundary has
    learned in the meantime, the rows on disk do not match any more and new ones are made.

    Args:
        folder: where the rows are kept; several runs and programs can share it.
        network: whose blocks are frozen.
        preprocessing: what happens to an image before it reaches the network, as JSON values.
        size_limit_bytes: for all that is in the folder; least recently used rows make room.
        runtime: what computes the forward passes.
        compile_trunk: makes them faster with means of the backend; see `trunk_cache.trunk_runtime`.
        reporter: where progress goes.
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
        """What is on disk for some boundaries, as it is now."""
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
        """Rows at some boundaries; what is not on disk is computed first, in one forward pass.

        Args:
            boundaries: numbers of blocks above the cuts; see `models.splitting`.
            keys: N * V, one for each image and view, equal only if the pixels are equal; the
                views of one image follow each other.
            load_images: reads the images that are needed.
            num_views: V.
            dtype: of the rows on disk.
            description: of the images, for the progress report.

        Returns:
            Boundary -> its rows.

        Raises:
            ArtstyleError: if the folder cannot be written or a value does not fit the type.
        """
        tables = self.tables(boundaries, dtype)
        if any(table.missing(keys).size for table in tables.values()):
            with self._alone(tables.values()):
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
        # One that is open already has checked its shards, which takes as long as reading them.
        return self._tables.setdefault(table.folder, table)

    @contextlib.contextmanager
    def _alone(self, tables: Iterable[ActivationTable]) -> Iterator[None]:
        """Lets other programs that want the same rows wait: later they find them."""
        with contextlib.ExitStack() as stack:
            # In one order everywhere, so that two programs cannot wait for each other.
            for folder in sorted(table.folder for table in tables):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(held(folder / LOCK_FILE, busy=self._tell_who_fills_it))
                    remove_leftovers(folder)
                except OSError as error:
                    raise cannot_write(folder, error) from error
            yield

    def _tell_who_fills_it(self, holder: str) -> None:
        self._reporter.info(f"Waiting for another program that fills the trunk cache ({holder}).")

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
        wanted = np.unique(np.concatenate([missing[boundary] for boundary in lacking]))
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
        shard_rows = _shard_rows(max(tables[boundary].row_bytes for boundary in lacking))
        outputs = self._outputs(lacking, load_images(wanted), len(wanted), description)
        for positions, rows_of_each in _grouped(outputs, wanted, shard_rows):
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
        """The activations at all boundaries, batch by batch."""
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
        """The last one again if nothing has changed: opening one takes seconds."""
        trunk = build_trunk(self._network, boundaries)
        what = f"{boundaries} {weights_digest(trunk)}"
        if self._opened is None or self._opened[0] != what:
            runtime = open_trunk_runtime(
                trunk,
                self._runtime_choice,
                sample,
                compile_trunk=self._compile_trunk,
                reporter=self._reporter,
            )
            self._opened = what, runtime
        return self._opened[1]


def _shard_rows(row_bytes: int) -> int:
    return max(1, min(_MOST_ROWS_IN_A_SHARD, _MOST_BYTES_IN_A_SHARD // row_bytes))


def _grouped(
    outputs: Iterable[list[np.ndarray]], positions: np.ndarray, least_rows: int
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Joins batches of outputs to groups of at least so many rows, with their positions."""
    waiting: list[list[np.ndarray]] = []
    start = end = 0
    for batch in outputs:
        waiting.append(batch)
        end += len(batch[0])
        if end - start >= least_rows or end == len(positions):
            joined = [np.concatenate(parts) for parts in zip(*waiting, strict=True)]
            yield positions[start:end], joined
            waiting, start = [], end
