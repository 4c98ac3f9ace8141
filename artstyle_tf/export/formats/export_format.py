"""What every file format of a network has in common."""

from __future__ import annotations

import contextlib
import logging
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from artstyle_tf.export.formats.registry import FORMATS
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

RunNetwork = Callable[[np.ndarray], list[np.ndarray]]
"""Pixels float32 [B, S, S, 3] in 0..255 -> one float32 array for each output of the network.

Several threads may call it at the same time.
"""

Images = Callable[[], Iterable[np.ndarray]]
"""Training images float32 [S, S, 3], from which a format learns the range of activations."""

_TALKATIVE = ("tensorflow", "absl", "tf2onnx")


class ExportFormat(Protocol):
    """A way to keep a network so that something other than Keras can run it."""

    def write(self, network: FrozenGraph, folder: Path, training_images: Images) -> Path:
        """Write the network into a folder that exists; returns the file to open."""
        ...

    def open(self, file: Path) -> RunNetwork:
        """Make what `write` wrote ready to run on all cores; outputs in the network's order."""
        ...


def load_format(name: str) -> ExportFormat:
    """Import a format of the registry, whose packages have to be installed."""
    return pkgutil.resolve_name(FORMATS[name].place)()


@contextlib.contextmanager
def quiet_conversion() -> Iterator[None]:
    """Let only errors of converters through: whether a conversion is right is measured.

    They talk to themselves: of what is deprecated in TensorFlow, and of what they guess.
    """
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
