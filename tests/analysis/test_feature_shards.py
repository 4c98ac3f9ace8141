from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.analysis.feature_shards import COLUMNS, FeatureShards


def table(count):
    rows = {name: [f"{name}-{number}" for number in range(count)] for name in COLUMNS}
    return pd.DataFrame(rows)


def features_of(rows):
    """Return three numbers that identify the image of a row."""
    numbers = rows["path"].str.removeprefix("path-").astype(int).to_numpy()
    return np.stack([numbers, numbers**2, -numbers], axis=1)


class Counted:
    """Computes features and records the batch sizes."""

    def __init__(self, fails_at=None):
        self.sizes = []
        self.fails_at = fails_at

    def __call__(self, rows):
        if len(self.sizes) == self.fails_at:
            raise KeyboardInterrupt
        self.sizes.append(len(rows))
        return features_of(rows)


def shards(folder, count=10, description=None):
    about = description or {"layer": "pooled"}
    return FeatureShards(folder, "net-pooled", about, table(count), rows_in_a_shard=4)


def test_no_more_than_a_shard_is_computed_at_once_and_everything_can_be_read(tmp_path):
    compute = Counted()
    found = shards(tmp_path)
    found.extract(compute)
    assert compute.sizes == [4, 4, 2]
    np.testing.assert_array_equal(found.read(), features_of(table(10)))
    assert found.read().dtype == np.float32
    np.testing.assert_array_equal(
        found.read(np.array([1, 4, 9])), features_of(table(10).iloc[[1, 4, 9]])
    )


def test_a_shard_can_be_used_alone_by_other_tools(tmp_path):
    found = shards(tmp_path)
    found.extract(Counted())
    with np.load(found.folder / "features-00001.npz", allow_pickle=False) as shard:
        assert set(shard.files) == {"features", *COLUMNS}
        for name in COLUMNS:
            assert shard[name].tolist() == [f"{name}-{number}" for number in range(4, 8)]
    assert json.loads((found.folder / "features.json").read_text())["num_images"] == 10


def test_an_interrupted_extraction_resumes_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        shards(tmp_path).extract(Counted(fails_at=2))
    again = shards(tmp_path)
    assert again.missing() == [2]
    compute = Counted()
    again.extract(compute)
    assert compute.sizes == [2]
    np.testing.assert_array_equal(again.read(), features_of(table(10)))
    assert not list(tmp_path.rglob("*.partial*"))


def test_a_damaged_shard_is_computed_again(tmp_path):
    found = shards(tmp_path)
    found.extract(Counted())
    file = found.folder / "features-00000.npz"
    content = bytearray(file.read_bytes())
    content[150] ^= 255
    file.write_bytes(content)
    assert found.missing() == [0]
    found.extract(Counted())
    np.testing.assert_array_equal(found.read(), features_of(table(10)))


def test_other_images_or_another_network_have_another_folder(tmp_path):
    folders = {
        shards(tmp_path).folder,
        shards(tmp_path, 11).folder,
        shards(tmp_path, description={"layer": "head"}).folder,
    }
    assert len(folders) == 3
    assert shards(tmp_path).folder in folders


@pytest.mark.parametrize("wrong", [np.zeros((3, 2)), np.full((4, 2), np.nan), np.zeros(4)])
def test_invalid_features_are_not_written(tmp_path, wrong):
    found = shards(tmp_path, 4)
    with pytest.raises(ValueError, match="finite features"):
        found.extract(lambda rows: wrong)
    assert found.missing() == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": np.zeros((4, 5), np.float32)},
        {"features": np.zeros((3, 3), np.float32)},
        {"features": np.zeros((4, 3))},
        {"features": np.float32(0)},
        {"path": np.zeros(4)},
    ],
)
def test_a_shard_of_other_features_is_computed_again(tmp_path, wrong):
    found = shards(tmp_path, description={"dimension": 3})
    found.extract(Counted())
    file = found.folder / "features-00000.npz"
    with np.load(file) as shard:
        arrays = dict(shard)
    np.savez(file, **arrays | wrong)
    assert found.missing() == [0]


def test_a_compressed_shard_is_computed_again(tmp_path):
    """It could decompress to any number of gigabytes."""
    found = shards(tmp_path)
    found.extract(Counted())
    file = found.folder / "features-00001.npz"
    with np.load(file) as shard:
        np.savez_compressed(file, **shard)
    assert found.missing() == [1]
