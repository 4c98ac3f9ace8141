"""What is remembered about files, and when it is not trusted."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from artstyle_tf.system import content_cache as content_cache_module
from artstyle_tf.system.content_cache import (
    content_cache,
    facts_of_contents,
    file_digest,
    file_digests,
)
from artstyle_tf.system.content_database import FileState

LONG_AGO = 1_500_000_000_123_456_789  # in nanoseconds, not a whole second


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results" / "content_cache.sqlite"


@pytest.fixture
def old(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file whose times show later changes."""

    def write(name: str, content: bytes) -> Path:
        file = tmp_path / name
        file.write_bytes(content)
        wait_until_old(file)
        return file

    return write


def wait_until_old(file: Path) -> None:
    while not FileState.of(file).shows_changes:
        time.sleep(0.02)


def digests(files: Sequence[Path], read: list[Path]) -> list[str | OSError]:
    """Return the digests, and record which files are read."""

    read_digest = content_cache_module._read_digest

    def recorded(file: Path) -> str | OSError:
        read.append(file)
        return read_digest(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content_cache_module, "_read_digest", recorded)
        return list(file_digests(files, num_threads=1))


def test_digest_is_read_once(database: Path, old: Callable[..., Path]) -> None:
    files = [old("a", b"1"), old("b", b"2")]
    expected = [hashlib.sha256(content).hexdigest() for content in (b"1", b"2")]
    for is_read in (files, []):
        read: list[Path] = []
        with content_cache(database):
            assert digests(files, read) == expected
        assert read == is_read


def test_nothing_is_written_without_a_cache_or_read_only(
    database: Path, old: Callable[..., Path]
) -> None:
    file = old("a", b"1")
    assert digests([file], []) == [hashlib.sha256(b"1").hexdigest()]
    with content_cache(database, read_only=True):
        digests([file], [])
    assert not database.exists()


def test_folder_of_results_is_created_by_success_only(
    tmp_path: Path, old: Callable[..., Path]
) -> None:
    file, database = old("a", b"1"), tmp_path / "new" / "content_cache.sqlite"

    def fail() -> None:
        digests([file], [])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), content_cache(database):
        fail()
    assert not database.parent.exists()
    with content_cache(database):
        digests([file], [])
        assert not database.parent.exists()
    read: list[Path] = []
    with content_cache(database):
        digests([file], read)
    assert read == []


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(b"2"),
        lambda file: (file.unlink(), file.write_bytes(b"2")),
        # Content of the same size with the old times, as `cp -p` and `rsync -t` write it.
        lambda file: (file.write_bytes(b"2"), os.utime(file, ns=(LONG_AGO, LONG_AGO))),
    ],
    ids=["rewritten", "replaced", "with the old times"],
)
def test_changed_file_is_read_again(
    database: Path, old: Callable[..., Path], change: Callable[[Path], object]
) -> None:
    file = old("a", b"1")
    os.utime(file, ns=(LONG_AGO, LONG_AGO))
    wait_until_old(file)
    with content_cache(database):
        digests([file], [])
    change(file)
    with content_cache(database):
        assert digests([file], []) == [hashlib.sha256(b"2").hexdigest()]


def test_state_of_a_young_file_or_of_a_coarse_clock_shows_nothing() -> None:
    now = time.time_ns()
    young = FileState(1, 1, 1, now | 1, now | 1)
    old_state = FileState(1, 1, 1, LONG_AGO, LONG_AGO)
    whole_seconds = FileState(1, 1, 1, LONG_AGO // 10**9 * 10**9, LONG_AGO // 10**9 * 10**9)
    shown = [state.shows_changes for state in (young, old_state, whole_seconds)]
    assert shown == [False, True, False]


def test_rescan_reads_again_and_stores(database: Path, old: Callable[..., Path]) -> None:
    file = old("a", b"1")
    with content_cache(database):
        digests([file], [])
    read: list[Path] = []
    with content_cache(database, rescan=True):
        digests([file], read)
    assert read == [file]


def test_unreadable_file_is_an_error_and_is_not_remembered(
    database: Path, tmp_path: Path, old: Callable[..., Path]
) -> None:
    missing, present = tmp_path / "missing", old("a", b"1")
    with content_cache(database):
        found = digests([missing, present], [])
    assert isinstance(found[0], FileNotFoundError)
    missing.write_bytes(b"2")
    with content_cache(database):
        assert digests([missing], []) == [hashlib.sha256(b"2").hexdigest()]


def test_another_digest_has_its_own_name(database: Path, old: Callable[..., Path]) -> None:
    file, calls = old("a", b"1"), []

    def compute() -> str:
        calls.append(1)
        return "own"

    with content_cache(database):
        assert file_digest(file, kind="own", compute=compute) == "own"
        assert file_digest(file, kind="own", compute=compute) == "own"
        assert file_digest(file) == hashlib.sha256(b"1").hexdigest()
    assert len(calls) == 1


def lengths(texts: Sequence[str], computed: list[int], *, kind: str = "length 1") -> list[int]:
    """Return the lengths of texts by way of the cache, and record which are computed."""

    def compute(numbers: list[int]) -> Iterable[int]:
        for number in numbers:
            computed.append(number)
            yield len(texts[number])

    encode: Callable[[int], bytes | None] = lambda n: None if n == 0 else str(n).encode()  # noqa: E731
    return list(facts_of_contents(kind, texts, compute, encode=encode, decode=int))


def test_fact_is_computed_once_for_each_content(database: Path) -> None:
    texts = ["a" * (n % 7 + 1) + str(n) for n in range(1200)]  # more than one query
    first, again, more, other = [], [], [], []
    with content_cache(database):
        expected = lengths(texts, first)
    with content_cache(database):
        assert lengths(texts, again) == expected == [len(text) for text in texts]
        assert lengths([texts[0], "new", texts[1]], more) == [2, 3, 3]
        lengths(texts[:3], other, kind="length 2")
    assert (len(first), again, more, other) == (1200, [], [1], [0, 1, 2])


def test_fact_without_digest_or_bytes_is_not_remembered(database: Path) -> None:
    computed: list[int] = []
    with content_cache(database):
        for _ in range(2):
            assert lengths(["", "ab"], computed) == [0, 2]
    assert computed == [0, 1, 0]


def test_interrupted_facts_are_kept(database: Path) -> None:
    texts = ["a", "bb", "ccc"]

    def compute(numbers: list[int]) -> Iterable[int]:
        for number in numbers:
            if number == 2:
                raise KeyboardInterrupt
            yield len(texts[number])

    encode, decode = lambda n: str(n).encode(), int
    with content_cache(database), pytest.raises(KeyboardInterrupt):
        list(facts_of_contents("length 1", texts, compute, encode=encode, decode=decode))
    computed: list[int] = []
    with content_cache(database):
        assert lengths(texts, computed) == [1, 2, 3]
    assert computed == [2]


def test_nothing_is_computed_where_everything_is_known(database: Path) -> None:
    asked: list[list[int]] = []
    encode, decode = lambda n: str(n).encode(), int
    with content_cache(database):
        for _ in range(2):
            found = facts_of_contents(
                "length 1",
                ["a"],
                lambda numbers: asked.append(numbers) or [len(numbers)],
                encode=encode,
                decode=decode,
            )
            assert list(found) == [1]
    assert asked == [[0], []]


@pytest.mark.parametrize("content", [b"not a database" * 100, b""], ids=["damaged", "empty"])
def test_damaged_database_is_replaced(
    database: Path, old: Callable[..., Path], content: bytes
) -> None:
    database.write_bytes(content)
    file = old("a", b"1")
    for is_read in ([file], []):
        read: list[Path] = []
        with content_cache(database):
            digests([file], read)
        assert read == is_read


def test_database_of_another_version_is_replaced(database: Path) -> None:
    with sqlite3.connect(database) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with content_cache(database):
        lengths(["a"], [])
        computed: list[int] = []
        lengths(["a"], computed)
    assert computed == []


def test_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    computed: list[int] = []
    with content_cache(tmp_path / "file" / "content_cache.sqlite"):
        for _ in range(2):
            assert lengths(["a"], computed) == [1]
    assert computed == [0, 0]


def test_several_processes_write_at_the_same_time(database: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from artstyle_tf.system.content_cache import content_cache, facts_of_contents\n"
        "texts = [sys.argv[2] + str(n) for n in range(2000)]\n"
        "with content_cache(Path(sys.argv[1])):\n"
        "    list(facts_of_contents('length 1', texts, lambda ns: [len(texts[n]) for n in ns],\n"
        "                           encode=lambda n: str(n).encode(), decode=int))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(database), name]) for name in "abcd"
    ]
    assert [process.wait() for process in processes] == [0] * 4
    for name in "abcd":
        computed: list[int] = []
        with content_cache(database):
            lengths([name + str(n) for n in range(2000)], computed)
        assert computed == []
