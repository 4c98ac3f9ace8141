from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import filelock
import numpy as np
import pytest
from patience import HUNG_SECONDS

from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_segment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache import settings
from artstyle_tf.trunk_cache.activation_cache import ActivationCache
from artstyle_tf.trunk_cache.cache_folder import stored_tables

KEYS = [f"image {number}" for number in range(20)]
IMAGES = np.random.default_rng(0).uniform(0, 255, (20, 16, 16, 3)).astype(np.float32)


class Loader:
    """Reads images in batches of four and records which were requested."""

    def __init__(self, images=IMAGES):
        self.images = images
        self.requested = []

    def __call__(self, positions):
        self.requested.extend(positions.tolist())
        for start in range(0, len(positions), 4):
            yield self.images[positions[start : start + 4]]


@pytest.fixture
def classifier(tiny_backbone):
    return build_classifier(tiny_backbone(), num_classes=3, dropout=0.2, seed=1)


@pytest.fixture
def open_cache(classifier, tmp_path):
    def open_it(**options):
        options = {
            "preprocessing": {"image_size_px": 16},
            "size_limit_bytes": 10**9,
            "runtime": "keras",
            **options,
        }
        return ActivationCache(tmp_path / "cache", options.pop("classifier", classifier), **options)

    return open_it


def expected(classifier, boundary):
    return np.asarray(build_segment(classifier, None, boundary)(IMAGES))


def test_all_boundaries_come_from_one_pass_and_are_what_the_trunk_computes(open_cache, classifier):
    load = Loader()
    rows = open_cache().activations([0, 1, 2], KEYS, load, dtype="float32")
    assert load.requested == list(range(20))
    for boundary in (0, 1, 2):
        assert len(rows[boundary]) == 20
        np.testing.assert_allclose(
            rows[boundary].plain(), expected(classifier, boundary), rtol=1e-5, atol=1e-6
        )


def test_nothing_is_computed_twice(open_cache):
    open_cache().activations([0, 1], KEYS[:12], Loader())
    load = Loader()
    open_cache().activations([1], KEYS[:12], load)
    assert load.requested == []
    open_cache().activations([1], KEYS, load)  # new images
    assert load.requested == list(range(12, 20))
    load = Loader()
    tables = open_cache().tables([0, 1], "float16")
    before = {boundary: len(list(table.folder.glob("*.npy"))) for boundary, table in tables.items()}
    open_cache().activations([0, 1], KEYS, load)  # 0 lacks what 1 has
    assert load.requested == list(range(12, 20))
    after = {boundary: len(list(table.folder.glob("*.npy"))) for boundary, table in tables.items()}
    assert after == {0: before[0] + 1, 1: before[1]}


def test_rows_of_views_are_read_by_image_and_view(open_cache, classifier):
    rows = open_cache().activations([1], KEYS, Loader(), num_views=4, dtype="float32")[1]
    assert len(rows) == 5
    read = rows.read(np.array([4, 0, 2]), np.array([3, 1, 0]))
    np.testing.assert_allclose(read, expected(classifier, 1)[[19, 1, 8]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.plain(), expected(classifier, 1)[::4], rtol=1e-5, atol=1e-6)


def test_half_precision_is_near(open_cache, classifier):
    rows = open_cache().activations([1], KEYS, Loader(), dtype="float16")[1].plain()
    np.testing.assert_allclose(rows, expected(classifier, 1), rtol=1e-3, atol=1e-5)


def test_rows_depend_on_weights_below_the_boundary_only(open_cache, classifier):
    open_cache().activations([1, 2], KEYS, Loader())
    above = classifier.backbone.model.get_layer("block2b_conv").kernel
    above.assign(above + 1)
    load = Loader()
    open_cache().activations([1, 2], KEYS, load)
    assert load.requested == []
    between = classifier.backbone.model.get_layer("block2a_conv").kernel
    between.assign(between + 1)
    open_cache().activations([2], KEYS, load)
    assert load.requested == []
    open_cache().activations([1], KEYS, load)
    assert load.requested == list(range(20))


def test_preprocessing_decides(open_cache):
    open_cache().activations([1], KEYS, Loader())
    load = Loader()
    open_cache(preprocessing={"image_size_px": 17}).activations([1], KEYS, load)
    assert load.requested == list(range(20))


def test_the_same_network_built_twice_shares_its_rows(open_cache, tiny_backbone, classifier):
    open_cache().activations([1], KEYS, Loader())
    again = build_classifier(tiny_backbone(), num_classes=3, dropout=0.5, seed=2)
    again.backbone.model.set_weights(classifier.backbone.model.get_weights())
    load = Loader()
    open_cache(classifier=again).activations([1], KEYS, load)
    assert load.requested == []


def test_a_damaged_shard_is_recomputed_with_a_warning(open_cache, classifier, tmp_path):
    open_cache().activations([1], KEYS, Loader(), dtype="float32")
    (shard,) = (tmp_path / "cache").rglob("*.npy")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 64
    shard.write_bytes(content)
    stream, load = io.StringIO(), Loader()
    cache = open_cache(reporter=Reporter(stream))
    rows = cache.activations([1], KEYS, load, dtype="float32")[1].plain()
    assert "damaged part" in stream.getvalue()
    assert load.requested == list(range(20))
    np.testing.assert_allclose(rows, expected(classifier, 1), rtol=1e-5, atol=1e-6)


def test_a_folder_that_cannot_be_written_is_named(open_cache, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ArtstyleError, match="Cannot write"):
        open_cache().activations([1], KEYS, Loader())


def test_older_rows_are_removed_first(open_cache, tmp_path):
    open_cache().activations([2], KEYS, Loader(), dtype="float32")
    (old,) = stored_tables(tmp_path / "cache")
    os.utime(old.folder / "table.json", (1e9, 1e9))
    stream = io.StringIO()
    cache = open_cache(size_limit_bytes=old.size_bytes + 100, reporter=Reporter(stream))
    cache.activations([1], KEYS, Loader(), dtype="float32")
    assert "older activations" in stream.getvalue()
    assert [table.key for table in stored_tables(tmp_path / "cache")] != [old.key]


def test_a_second_program_waits_and_then_finds_everything(open_cache, tmp_path):
    cache = open_cache()
    (table,) = cache.tables([1], "float16").values()
    table.folder.mkdir(parents=True)
    stream, load = io.StringIO(), Loader()
    second = open_cache(reporter=Reporter(stream))
    thread = threading.Thread(target=second.activations, args=([1], KEYS, load))
    with filelock.FileLock(table.folder / ".lock"):
        thread.start()
        deadline = time.monotonic() + HUNG_SECONDS
        while "Waiting for another program" not in stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert load.requested == []
        rows = np.asarray(build_segment(cache._network, None, 1)(IMAGES))
        table.add(KEYS, rows)  # what the first program does meanwhile
    thread.join(HUNG_SECONDS)
    assert not thread.is_alive()
    assert load.requested == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills with a signal")
def test_a_killed_program_loses_at_most_a_shard(open_cache, classifier, tmp_path):
    """kill -9 in the middle of filling; the next program continues and nothing is wrong."""
    classifier.backbone.model.save_weights(tmp_path / "tiny.weights.h5")
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        import numpy as np
        sys.path[:0] = {[str(Path(__file__).parents[1]), *sys.path]!r}
        from artstyle_tf.models.backbone import wrap_backbone
        from artstyle_tf.models.network import build_classifier
        from artstyle_tf.trunk_cache import activation_cache
        from conftest import TINY_FAMILY, build_tiny_network
        activation_cache._MAX_ROWS_IN_A_SHARD = 4
        model = build_tiny_network(input_shape=(16, 16, 3))
        model.load_weights({str(tmp_path / "tiny.weights.h5")!r})
        backbone = wrap_backbone("tiny", model, TINY_FAMILY.block_names)
        classifier = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1)
        images = np.random.default_rng(0).uniform(0, 255, (20, 16, 16, 3)).astype(np.float32)
        def load(positions):
            for start in range(0, len(positions), 4):
                if start == 12:
                    print("three batches", flush=True)
                    time.sleep(600)
                yield images[positions[start : start + 4]]
        cache = activation_cache.ActivationCache(
            Path({str(tmp_path / "cache")!r}), classifier, preprocessing={{"image_size_px": 16}},
            size_limit_bytes=10**9, runtime="keras")
        cache.activations([0, 1], [f"image {{n}}" for n in range(20)], load, dtype="float32")
        """)
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "three batches"
        process.send_signal(signal.SIGKILL)
    load = Loader()
    rows = open_cache().activations([0, 1], KEYS, load, dtype="float32")
    assert load.requested == list(range(12, 20))
    for boundary in (0, 1):
        np.testing.assert_allclose(
            rows[boundary].plain(), expected(classifier, boundary), rtol=1e-5, atol=1e-6
        )


def test_a_compiled_trunk_serves_all_splits_until_a_block_is_trained(
    open_cache, classifier, monkeypatch
):
    monkeypatch.setattr(settings, "AUTOMATIC_RUNTIMES", ("compiled",))
    compiled = []

    def compile_trunk(trunk):
        compiled.append(trunk)
        return lambda images: [np.asarray(trunk(images))]

    cache = open_cache(runtime="auto", compile_trunk=compile_trunk)
    halves = KEYS[:10], KEYS[10:]
    for keys in halves:
        rows = cache.activations([1], keys, Loader(IMAGES[: len(keys)]))[1]
        np.testing.assert_allclose(rows.plain(), expected(classifier, 1)[:10], rtol=1e-3)
    assert len(compiled) == 1

    kernel = classifier.model.get_layer("block1a_conv").kernel
    kernel.assign(kernel * 2)
    rows = cache.activations([1], halves[0], Loader())[1]
    np.testing.assert_allclose(rows.plain(), expected(classifier, 1)[:10], rtol=1e-3)
    assert len(compiled) == 2
