"""The interface of export formats."""

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
"""Pixels float32 [B, S, S, 3] in 0..255 -> one float32 array per output of the network.

It is thread-safe.
"""

Images = Callable[[], Iterable[np.ndarray]]
"""Training images float32 [S, S, 3], with which a format calibrates activation ranges."""

_TALKATIVE = ("tensorflow", "absl", "tf2onnx")


class ExportFormat(Protocol):
    """A file format in which a runtime other than Keras can run a network."""

    def write(self, network: FrozenGraph, folder: Path, training_images: Images) -> Path:
        """Write the network into an existing folder; return the file to open."""
        ...

    def open(self, file: Path) -> RunNetwork:
        """Load a written file to run on all cores; outputs are in the network's order."""
        ...


def load_format(name: str) -> ExportFormat:
    """Import a format of the registry, whose packages have to be installed."""
    return pkgutil.resolve_name(FORMATS[name].place)()


@contextlib.contextmanager
def quiet_conversion() -> Iterator[None]:
    """Silence the warnings of converters: the result of each conversion is measured."""
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
