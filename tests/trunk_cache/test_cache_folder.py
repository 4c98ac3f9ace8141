from __future__ import annotations

import os

import numpy as np
import pytest

from artstyle_tf.trunk_cache import cache_folder
from artstyle_tf.trunk_cache.activation_table import ActivationTable
from artstyle_tf.trunk_cache.cache_folder import (
    make_room,
    remove_table,
    room_bytes,
    stored_tables,
)

ROW_BYTES = 4000


@pytest.fixture
def make_table(tmp_path):
    """Function (name, age): a table of ten rows that was last used so long ago."""

    def make(name, *, age=0):
        table = ActivationTable(
            tmp_path / "cache", {"name": name}, row_shape=(1000,), dtype="float32"
        )
        table.add([str(number) for number in range(10)], np.ones((10, 1000)) * len(name))
        os.utime(table.folder / "table.json", (1e9 - age, 1e9 - age))
        return table

    return make


def names_in(root):
    return [table.description["name"] for table in stored_tables(root)]


def test_tables_are_listed_from_the_least_to_the_most_recently_used(make_table, tmp_path):
    root = tmp_path / "cache"
    assert stored_tables(root) == []
    old, new = make_table("old", age=60), make_table("newer")
    assert names_in(root) == ["old", "newer"]
    assert stored_tables(root)[0].size_bytes >= 10 * ROW_BYTES
    old.refresh()  # using it makes it the most recent
    assert names_in(root) == ["newer", "old"]
    assert new.folder.is_dir()


def test_the_least_recently_used_rows_are_removed(make_table, tmp_path):
    root = tmp_path / "cache"
    for name, age in (("oldest", 90), ("kept", 80), ("old", 60), ("new", 0)):
        make_table(name, age=age)
    kept = {table.key for table in stored_tables(root) if table.description["name"] == "kept"}
    limit = 4 * 10 * ROW_BYTES + 4000
    assert make_room(root, 0, size_limit_bytes=limit, kept=kept) == []
    removed = make_room(root, 5 * ROW_BYTES, size_limit_bytes=limit, kept=kept)
    assert [table.description["name"] for table in removed] == ["oldest"]
    removed = make_room(root, 25 * ROW_BYTES, size_limit_bytes=limit, kept=kept)
    assert [table.description["name"] for table in removed] == ["old", "new"]
    assert names_in(root) == ["kept"]


def test_a_full_disk_makes_room_too(make_table, tmp_path, monkeypatch):
    make_table("old", age=60)
    make_table("newer")
    usage = type("Usage", (), {"free": cache_folder._DISK_RESERVE_BYTES + 1000})
    monkeypatch.setattr(cache_folder.shutil, "disk_usage", lambda path: usage)
    removed = make_room(tmp_path / "cache", 20_000, size_limit_bytes=10**12, kept=())
    assert [table.description["name"] for table in removed] == ["old"]


def test_room_counts_what_could_be_removed(make_table, tmp_path, monkeypatch):
    root = tmp_path / "cache"
    assert room_bytes(root / "new", size_limit_bytes=5000, kept=()) == 5000
    table = make_table("one")
    size = stored_tables(root)[0].size_bytes
    assert room_bytes(root, size_limit_bytes=10**6, kept=()) == 10**6
    assert room_bytes(root, size_limit_bytes=10**6, kept={table.folder.name}) == 10**6 - size
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(cache_folder.shutil, "disk_usage", lambda path: usage)
    assert room_bytes(root, size_limit_bytes=10**6, kept=()) == 0


def test_removing_leaves_the_files_of_others_alone(make_table):
    table = make_table("one")
    (table.folder / "notes.txt").write_text("mine")
    (stored,) = stored_tables(table.folder.parent)
    remove_table(stored)
    assert [file.name for file in table.folder.iterdir()] == ["notes.txt"]
    assert stored_tables(table.folder.parent) == []


def test_rows_that_are_being_read_survive_their_removal(make_table):
    table = make_table("one")
    table.refresh()
    remove_table(stored_tables(table.folder.parent)[0])
    assert (table.read(["3"]) == 3).all()


def test_other_files_in_the_cache_folder_stay(make_table, tmp_path):
    """Any folder that held a table.json was cleared with all its .npy, .json and hidden files."""
    root = tmp_path / "cache"
    table = make_table("mine")
    guests = [table.folder / name for name in ("notes.json", "measurements.npy", ".hidden")]
    foreign = root / "thesis"
    foreign.mkdir()
    elsewhere = tmp_path / "elsewhere"
    guests += [foreign / name for name in ("table.json", "data.npy", ".git")]
    for guest in guests:
        guest.write_text("{}")
    table.folder.rename(elsewhere)
    (root / elsewhere.name).symlink_to(elsewhere)
    (root / table.folder.name).symlink_to(elsewhere)
    assert stored_tables(root) == []
    (root / table.folder.name).unlink()
    elsewhere.rename(table.folder)

    (stored,) = stored_tables(root)
    assert stored.size_bytes < 2 * 10 * ROW_BYTES
    assert remove_table(stored)
    assert stored_tables(root) == []
    assert [guest for guest in guests if not guest.exists()] == []
    assert sorted(file.name for file in table.folder.iterdir()) == [
        ".hidden",
        "measurements.npy",
        "notes.json",
    ]
