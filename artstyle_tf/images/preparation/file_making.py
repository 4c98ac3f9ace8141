"""Create the files that a manifest lists, reuse existing ones, remove others."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from artstyle_tf.images.preparation.folder import FORMAT_VERSION
from artstyle_tf.images.preparation.image_writing import (
    Target,
    WritingTask,
    WrittenImage,
    write_images,
)
from artstyle_tf.images.preparation.manifest import (
    Journal,
    PreparedImages,
    Row,
    is_there,
    read_rows,
    write_tables,
)
from artstyle_tf.images.preparation.worker_pool import WorkerPool
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write
from artstyle_tf.system.progress import Reporter

_UNFINISHED_FOLDER = ".unfinished"

# A task decodes its source once for all its children, but must not keep one core busy at the end.
_MAX_CHILDREN_PER_TASK = 8


class FileMaker:
    """The state of one preparation: the journal, the workers, the unfinished files.

    Args:
        root: folder of the images.
        destination: folder for the prepared ones, claimed and locked.
        max_side_px: limit for both sides, or None.
        num_workers: processes; None for one per core.
        reporter: where progress goes.
    """

    def __init__(
        self,
        root: Path,
        destination: Path,
        max_side_px: int | None,
        num_workers: int | None,
        reporter: Reporter,
    ) -> None:
        self._root = root
        self._destination = destination
        self._max_side_px = max_side_px
        self._reporter = reporter
        self._recipe = f"{FORMAT_VERSION}:{max_side_px or 'any'}px"
        self._earlier = read_rows(destination)
        self._journal = Journal(destination)
        self._pool = WorkerPool(num_workers)
        self._unfinished = destination / _UNFINISHED_FOLDER

    def __enter__(self) -> FileMaker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.__exit__()
        self._journal.close()
        if self._unfinished.exists():
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def make(self, planned: list[Row], description: str) -> tuple[list[Row], dict[str, str]]:
        """Create the planned files unless they exist.

        Planned rows of the manifest have a path without suffix, and lack the columns that are only
        known from the file.

        Returns:
            Complete rows, and source path -> reason for those that cannot be created.
        """
        done = {row["path"]: found for row in planned if (found := self._existing(row)) is not None}
        missing = {row["path"]: row for row in planned if row["path"] not in done}
        tasks = self._tasks(list(missing.values()))
        rejected: dict[str, str] = {}
        if tasks:
            self._journal.open()
            try:
                self._unfinished.mkdir(exist_ok=True)
            except OSError as error:
                raise cannot_write(self._unfinished, error) from error
        for source, result in self._reporter.track(
            self._flat_results(tasks), total=len(missing), description=description
        ):
            if isinstance(result, str):
                rejected[source] = result
            else:
                name = result.target.name
                done[name] = self._move_into_place(missing[name], result)
        return [done[row["path"]] for row in planned if row["path"] in done], rejected

    def finish(self, rows: list[Row], rejected: Mapping[str, str]) -> PreparedImages:
        """Remove files that no longer belong here and write the manifest."""
        current = {row["path"] for row in rows}
        stale = [row["path"] for row in self._earlier.values() if row["path"] not in current]
        if stale:
            self._journal.open()
        for path in sorted(stale):
            self._remove(path)
        prepared = write_tables(self._destination, rows, rejected)
        self._journal.finish()
        return prepared

    def _existing(self, planned: Row) -> Row | None:
        """Return the complete row if an earlier call has created the same file."""
        earlier = self._earlier.get(planned["path"])
        if earlier is None:
            return None
        comparable = {**planned, "recipe": self._recipe}
        if any(earlier[key] != comparable[key] for key in ("source_digest", "policy", "recipe")):
            return None
        # A missing seed has another value from a CSV file than from the journal.
        if planned["policy"] and int(earlier["seed"]) != planned["seed"]:
            return None
        if not is_there(self._destination / earlier["path"], earlier["size_bytes"]):
            return None
        return {**earlier, **comparable, "path": earlier["path"]}

    def _tasks(self, missing: list[Row]) -> list[WritingTask]:
        by_source: dict[str, list[Row]] = defaultdict(list)
        for row in missing:
            by_source[row["source"]].append(row)
        return [
            WritingTask(
                source=self._root / source,
                source_digest=rows[0]["source_digest"],
                max_side_px=self._max_side_px,
                folder=self._unfinished,
                targets=tuple(
                    Target(row["path"], row["policy"], row["seed"] or 0)
                    for row in rows[start : start + _MAX_CHILDREN_PER_TASK]
                ),
            )
            for source, rows in by_source.items()
            for start in range(0, len(rows), _MAX_CHILDREN_PER_TASK)
        ]

    def _flat_results(
        self, tasks: Sequence[WritingTask]
    ) -> Iterator[tuple[str, WrittenImage | str]]:
        for task, results in zip(tasks, self._pool.map(write_images, tasks), strict=True):
            source = task.source.relative_to(self._root).as_posix()
            for result in [results] if isinstance(results, str) else results:
                yield source, result

    def _move_into_place(self, planned: Row, written: WrittenImage) -> Row:
        row = {
            **planned,
            "path": planned["path"] + written.file.suffix,
            **{key: getattr(written, key) for key in ("digest", "width_px", "height_px")},
            "size_bytes": written.size_bytes,
            "recipe": self._recipe,
        }
        path = self._destination / row["path"]
        earlier = self._earlier.pop(planned["path"], None)
        if earlier is not None:
            # Removed before the new one is recorded: a recorded file that exists is complete.
            self._remove(earlier["path"])
        elif path.exists() and not _is_the_same(path, written):
            raise ArtstyleError(
                f"The file {path} is in the way and was not created by this program",
                fix="move it away, or choose another folder with data.prepared=...",
            )
        self._journal.record(row)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            written.file.replace(path)
        except OSError as error:
            raise cannot_write(path, error) from error
        return row

    def _remove(self, path: str) -> None:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            return  # The manifest was edited; files outside the folder are never touched.
        (self._destination / path).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Not empty: other images are still there.
            (self._destination / path).parent.rmdir()


def _is_the_same(path: Path, written: WrittenImage) -> bool:
    """Compare contents: after a power cut a file can exist that the journal has lost."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == written.digest
    except OSError:
        return False
