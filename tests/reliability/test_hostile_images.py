"""Malicious or corrupt files, through index and preparation."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile_images import (
    files_at_the_limit,
    ordinary_files,
    special_files,
    strange_names,
    truncations,
    write_hostile_folder,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_memory import run_watched

from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.near_duplicates import perceptual_hash
from artstyle_tf.images.preparation.preparation import prepare_images
from artstyle_tf.images.reading.image_reading import (
    UnreadableImageError,
    decode_image,
    read_image,
)
from artstyle_tf.images.splits.splitting import read_split, split_images, write_split

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names and links that Windows has not")

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
ORDINARY = ordinary_files()


def check_reading(content):
    """Check that a file is read, or refused with a reason."""
    pixels = reason_or_result(lambda: decode_image(content).pixels)
    if not isinstance(pixels, str):
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
    reason_or_result(lambda: perceptual_hash(content))


def reason_or_result(read):
    try:
        return read()
    except UnreadableImageError as error:
        reason = error.reason
    assert reason
    assert len(reason.splitlines()) == 1
    return reason


def check_everything_is_accounted_for(root, index, prepared):
    """Check that each file is used, or rejected or ignored with a reason."""
    used, rejected = set(prepared.manifest["source"]), set(prepared.rejected["path"])
    assert used.isdisjoint(rejected)
    assert used | rejected == set(index.images["path"])
    assert (prepared.rejected["reason"] != "").all()
    assert (index.ignored["reason"] != "").all()
    listed = len(index.images) + len(index.ignored)
    # What a link leads to again is named once.
    assert listed == sum(
        1 for path in root.rglob("*") if path.is_symlink() or not path.is_dir()
    ) + sum(1 for reason in index.ignored["reason"] if reason == "a folder without images")


@pytest.mark.parametrize("name", ORDINARY)
def test_truncations_are_read_or_refused(name):
    assert decode_image(ORDINARY[name]).pixels.shape == (40, 40, 3)
    for content in truncations(ORDINARY[name]):
        check_reading(content)


@pytest.mark.parametrize(("name", "content"), special_files().items(), ids=list(special_files()))
def test_special_files_are_read_or_refused(name, content):
    check_reading(content)


@given(
    name=st.sampled_from(sorted(ORDINARY)),
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=6)), max_size=8
    ),
    end=st.integers(0, 10**6),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_change_is_read_or_refused(name, changes, end):
    content = bytearray(ORDINARY[name])
    for place, new in changes:
        place %= len(content)
        content[place : place + len(new)] = new
    check_reading(bytes(content[: end % (2 * len(content)) + 1]))


def test_a_hostile_folder_is_prepared_and_every_file_accounted_for(tmp_path):
    root = write_hostile_folder(tmp_path / "images", num_mutated=60)
    index = index_images(root)
    images = split_images(index.images, fractions=SHARES, seed=1)
    prepared = prepare_images(images, root=root, destination=tmp_path / "out", num_workers=1)
    check_everything_is_accounted_for(root, index, prepared)
    assert not (tmp_path / "hacked").exists()
    reasons = dict(zip(index.ignored["path"], index.ignored["reason"], strict=True))
    assert reasons["bold/device.png"] == "not a regular file"
    assert reasons["bold/nowhere.png"] == "a broken link"
    for path in prepared.manifest["path"]:
        read_image(prepared.root / path)


def test_strange_names_survive_tables_journals_and_splits(tmp_path):
    root = write_hostile_folder(tmp_path / "images", num_mutated=0)
    index = index_images(root)
    names = {Path(path).name for path in index.images["path"]}
    assert set(strange_names()) <= names
    images = split_images(index.images, fractions=SHARES, seed=1)
    write_split(images, tmp_path / "split.csv")
    again = read_split(tmp_path / "split.csv", index)
    by_path = dict(zip(images["path"], images["split"], strict=True))
    assert dict(zip(again["path"], again["split"], strict=True)) == by_path
    # Killed before the manifest: only the journal knows what was made.
    first = prepare_images(images, root=root, destination=tmp_path / "out", num_workers=1)
    rows = first.manifest.to_dict("records")
    (tmp_path / "out" / "manifest.csv").unlink()
    lines = [json.dumps(row, ensure_ascii=False, default=lambda value: None) for row in rows]
    (tmp_path / "out" / ".journal.jsonl").write_text("\n".join(lines) + "\n")
    second = prepare_images(images, root=root, destination=tmp_path / "out", num_workers=1)
    pd.testing.assert_frame_equal(second.manifest, first.manifest)


def test_files_that_the_journal_has_lost_in_a_power_cut_are_taken_over(tmp_path):
    root = write_hostile_folder(tmp_path / "images", num_mutated=0)
    images = split_images(index_images(root).images, fractions=SHARES, seed=1)
    first = prepare_images(images, root=root, destination=tmp_path / "out", num_workers=1)
    (tmp_path / "out" / "manifest.csv").unlink()
    second = prepare_images(images, root=root, destination=tmp_path / "out", num_workers=1)
    pd.testing.assert_frame_equal(second.manifest, first.manifest)


@pytest.mark.reliability
def test_ten_thousand_mutated_images(tmp_path):
    root = write_hostile_folder(tmp_path / "images", num_mutated=10_000, seed=7, at_the_limit=True)
    watched = run_watched(
        SCRIPTS / "prepare_data.py",
        "data.images=images",
        "data.prepared=out",
        "data.preparation_workers=2",
        "--json",
        cwd=tmp_path,
        most_seconds=1200,
    )
    assert watched.code == 0, watched.err[-2000:]
    result = json.loads(watched.out)
    used, refused = sum(result["num_images"].values()), len(result["unreadable"])
    print(f"{used} used, {refused} refused, {watched.peak_mb:.0f} MB, {watched.seconds:.0f} s")
    index = index_images(root)
    assert len(index.images) >= 10_000
    assert used + refused == len(index.images)
    assert all(row["reason"] for row in result["unreadable"])
    assert watched.peak_mb < 1000


@pytest.mark.reliability
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_largest_images_take_less_than_a_gigabyte(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from artstyle_tf.images.index.near_duplicates import perceptual_hash\n"
        "from artstyle_tf.images.preparation.image_writing import prepare_bytes\n"
        "content = Path(sys.argv[1]).read_bytes()\n"
        "perceptual_hash(content)\n"
        "prepare_bytes(content, max_side_px=1024)\n"
    )
    for name, content in files_at_the_limit():
        (tmp_path / name).write_bytes(content)
        watched = run_watched(program, name, cwd=tmp_path, most_seconds=300)
        assert watched.code == 0, (name, watched.err)
        print(f"{name}: {watched.peak_mb:.0f} MB")
        assert watched.peak_mb < 1000, name
