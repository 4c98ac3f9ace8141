"""What is known about the contents of files, kept between commands and shared by all of them.

A digest is remembered for a path with its size, times and inode; everything else for a digest, so
that a file that was moved or copied is known, too. It is only a cache: where its database cannot be
read or written, everything is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from artstyle_tf.system.content_database import ROWS_AT_ONCE, ContentDatabase, FileState
from artstyle_tf.system.threads import in_batches, map_in_threads

CONTENT_CACHE_FILE = "content_cache.sqlite"
"""Name of the database, in the folder of all results."""

SHA256 = "sha256"

Value = TypeVar("Value")

_active: list[ContentDatabase] = []
"""Those of the `with` blocks around the running code; the last one is used."""


@contextlib.contextmanager
def content_cache(
    file: Path, *, rescan: bool = False, read_only: bool = False
) -> Iterator[ContentDatabase]:
    """Use a database for all contents that are read in the `with` block.

    It is shared by all threads of this process, like the files themselves. Its folder is created
    when the block ends without an error.
    """
    cache = ContentDatabase(file, rescan=rescan, read_only=read_only)
    _active.append(cache)
    try:
        yield cache
        cache.write_waiting()
    finally:
        _active.remove(cache)
        cache.close()


def file_digest(file: Path, *, kind: str = SHA256, compute: Callable[[], str] | None = None) -> str:
    """Return SHA-256 of a file in hex, or another digest, from the cache if it has not changed.

    Args:
        file: to read.
        kind: name of the digest.
        compute: reads the file; None for SHA-256.

    Raises:
        OSError: if it cannot be read.
    """
    compute = compute or (lambda: _sha256(file))
    if not _active:
        return compute()
    state = FileState.of(file)
    (known,) = _active[-1].digests([(file, state)], kind)
    if known is not None:
        return known
    digest = compute()
    _active[-1].store_digests([(file, state, digest)], kind)
    return digest


def file_digests(files: Sequence[Path], *, num_threads: int) -> Iterator[str | OSError]:
    """Yield SHA-256 of each file in hex, or the error of reading it.

    Args:
        files: to read.
        num_threads: that read the files that are not known.
    """
    states = [_state(file) for file in files]
    known: dict[Path, str] = {}
    if _active:
        pairs = zip(files, states, strict=True)
        stated = [(file, state) for file, state in pairs if state is not None]
        digests = _active[-1].digests(stated, SHA256)
        for (file, _), digest in zip(stated, digests, strict=True):
            if digest is not None:
                known[file] = digest
    unknown = [file for file in files if file not in known]
    computed = map_in_threads(_read_digest, unknown, num_threads=num_threads)
    new: list[tuple[Path, FileState, str]] = []
    try:
        for file, state in zip(files, states, strict=True):
            if file in known:
                yield known[file]
                continue
            digest = next(computed)
            if state is not None and isinstance(digest, str):
                new.append((file, state, digest))
            yield digest
    finally:
        if _active:
            _active[-1].store_digests(new, SHA256)


def facts_of_contents(
    kind: str,
    digests: Sequence[str],
    compute: Callable[[list[int]], Iterable[Value]],
    *,
    encode: Callable[[Value], bytes | None],
    decode: Callable[[bytes], Value],
) -> Iterator[Value]:
    """Yield a fact about each content, computed only where it is not known.

    Args:
        kind: name of the fact, with a version of what computes it.
        digests: of N contents; "" for one that is not to be remembered.
        compute: yields the facts at some positions in [0, N), in their order.
        encode: fact -> bytes; None for one that is not to be remembered.
        decode: the reverse.
    """
    cache = _active[-1] if _active else None
    known: set[str] = set()
    if cache is not None:
        known = cache.known([digest for digest in digests if digest], kind)
    computed = iter(compute([n for n, digest in enumerate(digests) if digest not in known]))
    new: list[tuple[str, bytes]] = []
    try:
        for numbers in in_batches(range(len(digests)), ROWS_AT_ONCE):
            wanted = {digests[n] for n in numbers} & known
            values = {} if cache is None else cache.values(sorted(wanted), kind)
            for n in numbers:
                digest = digests[n]
                if digest in values:
                    yield decode(values[digest])
                    continue
                # Not known, or the database has just become unusable.
                value = next(computed) if digest not in known else next(iter(compute([n])))
                encoded = encode(value) if digest else None
                if encoded is not None:
                    new.append((digest, encoded))
                yield value
            if cache is not None:
                cache.store_values(new, kind)
                new.clear()
    finally:
        if cache is not None:
            cache.store_values(new, kind)


def _state(file: Path) -> FileState | None:
    try:
        return FileState.of(file)
    except OSError:  # reading it returns the reason
        return None


def _read_digest(file: Path) -> str | OSError:
    try:
        return _sha256(file)
    except OSError as error:
        return error


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
