from __future__ import annotations

import io
import json

import numpy as np
import pytest

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache.activation_table import ActivationTable


@pytest.fixture
def open_table(tmp_path):
    def open_it(description=None, *, dtype="float32", reporter=None):
        table = ActivationTable(
            tmp_path,
            description or {"weights": "abc"},
            row_shape=(2, 3),
            dtype=dtype,
            reporter=reporter or Reporter(quiet=True),
        )
        table.refresh()
        return table

    return open_it


def some_rows(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 2, 3)).astype(np.float32)


def test_rows_are_found_again_by_their_keys_in_any_order(open_table):
    rows = some_rows(5)
    table = open_table()
    table.add(["a", "b", "c"], rows[:3])
    table.add(["d", "e"], rows[3:])
    again = open_table()
    assert again.missing(["a", "x", "e", "y"]).tolist() == [1, 3]
    np.testing.assert_array_equal(again.read(["e", "a", "c"]), rows[[4, 0, 2]])


def test_half_precision_takes_half_the_space(open_table):
    rows = some_rows(4)
    half, full = open_table(dtype="float16"), open_table(dtype="float32")
    assert 2 * half.row_bytes == full.row_bytes == 24
    for table in (half, full):
        table.add(list("abcd"), rows)
    np.testing.assert_array_equal(full.read(list("abcd")), rows)
    assert half.read(["a"]).dtype == np.float32
    np.testing.assert_allclose(half.read(list("abcd")), rows, rtol=1e-3)
    assert half.folder != full.folder


def test_another_description_is_another_table(open_table):
    open_table({"weights": "abc"}).add(["a"], some_rows(1))
    assert open_table({"weights": "abd"}).missing(["a"]).tolist() == [0]


@pytest.mark.parametrize("damage", ["flipped bit", "cut short", "keys lost", "rows lost"])
def test_a_damaged_shard_is_reported_and_removed(open_table, damage):
    table = open_table()
    table.add(["a", "b"], some_rows(2))
    table.add(["c"], some_rows(1, seed=1))
    damaged = next(file for file in table.folder.glob("*.npy") if len(np.load(file)) == 2)
    if damage == "flipped bit":
        content = bytearray(damaged.read_bytes())
        content[-1] ^= 1
        damaged.write_bytes(content)
    elif damage == "cut short":
        damaged.write_bytes(damaged.read_bytes()[:-4])
    elif damage == "keys lost":
        damaged.with_suffix(".json").write_text("[")
    else:
        damaged.unlink()
    stream = io.StringIO()
    again = open_table(reporter=Reporter(stream))
    assert "damaged part of the trunk cache is recomputed" in stream.getvalue()
    assert again.missing(["a", "b", "c"]).tolist() == [0, 1]
    assert not damaged.exists()
    again.add(["a", "b"], some_rows(2))
    assert open_table().missing(["a", "b", "c"]).size == 0


def test_rows_without_keys_are_left_by_a_killed_program(open_table):
    table = open_table()
    table.add(["a"], some_rows(1))
    (keys_file,) = (file for file in table.folder.glob("*.json") if file.name != "table.json")
    keys_file.unlink()
    again = open_table()
    assert again.missing(["a"]).tolist() == [0]
    again.add(["a"], some_rows(1))
    np.testing.assert_array_equal(open_table().read(["a"]), some_rows(1))


def test_two_programs_that_write_the_same_rows_do_no_harm(open_table):
    first, second = open_table(), open_table()
    first.add(["a", "b"], some_rows(2))
    second.add(["a", "b"], some_rows(2))
    second.add(["b", "c"], some_rows(2, seed=1))  # b once more, with another neighbor
    again = open_table()
    assert again.missing(["a", "b", "c"]).size == 0
    np.testing.assert_array_equal(again.read(["a", "c"])[0], some_rows(2)[0])


def test_equal_rows_of_different_images_keep_their_keys(open_table):
    rows = some_rows(1)
    table = open_table()
    table.add(["a"], rows)
    table.add(["b"], rows)
    again = open_table()
    assert not again.missing(["a", "b"]).size
    np.testing.assert_array_equal(again.read(["a", "b"]), np.concatenate([rows, rows]))


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e5])
def test_a_value_that_does_not_fit_is_refused(open_table, value):
    rows = some_rows(1)
    rows[0, 0, 0] = value
    with pytest.raises(ArtstyleError, match=r"activation cannot be stored.*float32"):
        open_table(dtype="float16").add(["a"], rows)


def test_the_description_is_readable(open_table):
    table = open_table({"weights": "abc", "boundary": "block6d_add"})
    table.add(["a"], some_rows(1))
    described = json.loads((table.folder / "table.json").read_text())
    assert described == {
        "weights": "abc",
        "boundary": "block6d_add",
        "row_shape": [2, 3],
        "dtype": "float32",
    }
