"""Find a run's prepared images by the paths of their sources."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artstyle_tf.images.reading.thumbnail_uris import thumbnail_uris
from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import file_below, prepared_root
from artstyle_tf.system.progress import Reporter


class PreparedFiles:
    """Prepared images of a run by the path of their source, as far as they still exist."""

    def __init__(self, run: RunDirectory, facts: RunFacts) -> None:
        self._root = prepared_root(run, read_run_config(run))
        rows = facts.images
        named = zip(rows["path"], rows["digest"], strict=True)
        self._named = dict(zip(rows["source"], named, strict=True))
        self._files: dict[str, Path | None] = {}

    def known(self, paths: Iterable[str]) -> list[str]:
        """Return the paths whose file exists unchanged, each once, in their order."""
        return [path for path in dict.fromkeys(paths) if self._file(path) is not None]

    def of(self, path: str) -> Path:
        """Return the file of a known path."""
        file = self._file(path)
        assert file is not None, path
        return file

    def digest(self, path: str) -> str:
        """Return SHA-256 of the file of a known path."""
        return self._named[path][1]

    def thumbnails(self, paths: Iterable[str], side_px: int, reporter: Reporter) -> dict[str, str]:
        """Return path -> data URI of the known paths whose image can be read."""
        known = self.known(paths)
        uris = thumbnail_uris(
            [self.of(path) for path in known],
            side_px,
            reporter,
            digests=[self.digest(path) for path in known],
        )
        return {path: uri for path, uri in zip(known, uris, strict=True) if uri}

    def _file(self, path: str) -> Path | None:
        """Return the file if its digest is unchanged: pages are shared with other people."""
        if path not in self._files:
            named = self._named.get(path)
            self._files[path] = None if named is None else file_below(self._root, *named)
        return self._files[path]
