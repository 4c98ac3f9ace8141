"""A stored graph computes the same, is not used for another model, and cannot read files."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from artstyle_tf.system.content_cache import file_digest
from artstyle_tf.trunk_cache.frozen_graph import INPUT_NAME, FrozenGraph, freeze
from artstyle_tf.trunk_cache.stored_graph import read_graph, write_graph

IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)
CONDITIONS = {"model.keras": "abc"}


@pytest.fixture(scope="module")
def graph() -> FrozenGraph:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3))
    top = keras.layers.Conv2D(4, 3, activation="swish")(keras.layers.Rescaling(1 / 255)(inputs))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(top))
    return freeze(keras.Model(inputs, [keras.layers.Dense(5)(pooled), pooled]), ("logits", "top"))


def test_stored_graph_computes_the_same(graph: FrozenGraph, tmp_path: Path) -> None:
    assert write_graph(graph, tmp_path / "new", CONDITIONS)
    read = read_graph(tmp_path / "new", CONDITIONS)
    assert read is not None
    assert read.output_names == ("logits", "top")
    assert [output.shape for output in read(IMAGES)] == [(3, 5), (3, 4)]
    for found, expected in zip(read(IMAGES), graph(IMAGES), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_graph_of_another_model_is_not_read(graph: FrozenGraph, tmp_path: Path) -> None:
    write_graph(graph, tmp_path, CONDITIONS)
    assert read_graph(tmp_path, {"model.keras": "abd"}) is None
    assert read_graph(tmp_path / "none", CONDITIONS) is None


@pytest.mark.parametrize("name", ["graph.pb", "graph.json"])
@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff" * 99], ids=["empty", "list", "bytes"])
def test_damaged_graph_is_not_read(
    graph: FrozenGraph, tmp_path: Path, name: str, content: bytes
) -> None:
    write_graph(graph, tmp_path, CONDITIONS)
    (tmp_path / name).write_bytes(content)
    if name == "graph.pb":  # also where the digest is that of the damaged file
        describe_anew(tmp_path)
    assert read_graph(tmp_path, CONDITIONS) is None


def test_graph_that_reads_a_file_is_neither_written_nor_executed(
    graph: FrozenGraph, tmp_path: Path
) -> None:
    def spy(pixels: tf.Tensor) -> tf.Tensor:
        content = tf.io.decode_raw(tf.io.read_file(str(tmp_path / "graph.json")), tf.uint8)
        return pixels * tf.cast(content[0], tf.float32)

    signature = tf.TensorSpec([None, 16, 16, 3], tf.float32, name=INPUT_NAME)
    spying = FrozenGraph(tf.compat.v1.wrap_function(spy, [signature]), ("logits",))
    assert not write_graph(spying, tmp_path, CONDITIONS)
    assert not list(tmp_path.iterdir())
    write_graph(graph, tmp_path, CONDITIONS)
    (tmp_path / "graph.pb").write_bytes(spying.graph_def.SerializeToString())
    describe_anew(tmp_path, tensors=spying.tensor_names)
    assert read_graph(tmp_path, CONDITIONS) is None


def describe_anew(folder: Path, **changes: object) -> None:
    """Make the description fit the file beside it, as somebody would who has changed both."""
    file = folder / "graph.json"
    description = json.loads(file.read_text())
    description |= {"digest": file_digest(folder / "graph.pb"), **changes}
    file.write_text(json.dumps(description))
