"""Converters talk to themselves: of what is deprecated in TensorFlow, and of what they guess."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

_TALKATIVE = ("tensorflow", "absl", "tf2onnx")


@contextlib.contextmanager
def quiet_conversion() -> Iterator[None]:
    """Lets only errors through; whether a conversion is right is measured, not read in a log."""
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
