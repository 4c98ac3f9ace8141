"""How a job was called, in addition to its config."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from artstyle_tf.system.progress import SILENT, Reporter


class Stopwatch:
    """Seconds since the program started, in total and by stage."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._stages: dict[str, float] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.note(name, time.monotonic() - start)

    def note(self, name: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self._stages[name] = self._stages.get(name, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, and in total."""
        stages = {**self._stages, "total": self.elapsed}
        return {name: round(seconds, 2) for name, seconds in stages.items()}


def _publish_nothing(run: Any, config: Any, reporter: Reporter, model: Any) -> None:
    """Write no report."""


@dataclass(frozen=True)
class Invocation:
    """What the command line passes to a job in addition to the config.

    Attributes:
        reporter: where messages and progress go.
        stopwatch: started with the program.
        resume: continue the interrupted run of this name.
        overwrite: replace an earlier run of this name.
        rescan: read and measure all images again; see `system.content_cache`.
        publish: called when a training is finished: (run directory, config, reporter, the model as
            it was saved) -> path of the report, if any. Passed in, because `report` imports
            `training` and not the reverse.
    """

    reporter: Reporter = SILENT
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    resume: bool = False
    overwrite: bool = False
    rescan: bool = False
    publish: Callable[[Any, Any, Reporter, Any], str | None] = _publish_nothing
