"""A run's prepared pictures, by the names that results give them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.run_finding import read_run_config
from artstyle_tf.workflows.run_pictures import prepared_root


class PreparedFiles:
    """Pictures by the path of their source, as far as they are still here.

    Args:
        run: directory of the run.
        facts: of the run.
    """

    def __init__(self, run: RunDirectory, facts: RunFacts) -> None:
        root = prepared_root(run, read_run_config(run))
        rows = facts.pictures
        self._files = {
            source: root / path
            for source, path in zip(rows["source"], rows["path"], strict=True)
            if (root / path).is_file()
        }
        self._digests = dict(zip(rows["source"], rows["source_digest"], strict=True))

    def known(self, paths: Iterable[str]) -> list[str]:
        """Those that are here, each once, in their order."""
        return [path for path in dict.fromkeys(paths) if path in self._files]

    def of(self, path: str) -> Path:
        """The file."""
        return self._files[path]

    def digest(self, path: str) -> str:
        """Of the source."""
        return self._digests[path]
