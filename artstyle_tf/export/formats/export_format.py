"""What every file format of a network has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

RunNetwork = Callable[[np.ndarray], list[np.ndarray]]
"""Pixels float32 [B, S, S, 3] in 0..255 -> one float32 array for each output of the network.

Several threads may call it at the same time.
"""

Pictures = Callable[[], Iterable[np.ndarray]]
"""Training pictures float32 [S, S, 3], from which a format learns the range of activations."""


class ExportFormat(Protocol):
    """A way to keep a network so that something other than Keras can run it."""

    @property
    def name(self) -> str:
        """Of the format, and of its folder in the export."""
        ...

    def write(self, network: FrozenGraph, folder: Path, training_pictures: Pictures) -> Path:
        """Writes the network into a folder that exists; returns the file to open."""
        ...

    def open(self, file: Path) -> RunNetwork:
        """Makes what `write` wrote ready to run on all cores; outputs in the network's order."""
        ...
