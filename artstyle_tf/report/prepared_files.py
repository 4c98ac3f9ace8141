"""A run's prepared images, by the names that results give them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import file_below, prepared_root


class PreparedFiles:
    """Images by the path of their source, as far as they are still here.

    Args:
        run: directory of the run.
        facts: of the run.
    """

    def __init__(self, run: RunDirectory, facts: RunFacts) -> None:
        root = prepared_root(run, read_run_config(run))
        rows = facts.images
        columns = (rows[name] for name in ("source", "path", "digest"))
        self._places = {
            source: (root, path, digest) for source, path, digest in zip(*columns, strict=True)
        }
        self._files: dict[str, Path | None] = {}
        self._digests = dict(zip(rows["source"], rows["source_digest"], strict=True))

    def known(self, paths: Iterable[str]) -> list[str]:
        """Those that are here, as they were when the run was made, each once, in their order."""
        return [path for path in dict.fromkeys(paths) if self._file(path) is not None]

    def of(self, path: str) -> Path:
        """The file, which is known."""
        file = self._file(path)
        assert file is not None, path
        return file

    def _file(self, path: str) -> Path | None:
        """A page is passed on: nothing goes into it but the images that the run was made with."""
        if path not in self._files:
            place = self._places.get(path)
            self._files[path] = None if place is None else file_below(*place)
        return self._files[path]

    def digest(self, path: str) -> str:
        """Of the source."""
        return self._digests[path]
