"""Fixtures of many tests: a tiny network, generated images, TensorFlow without messages."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys

# Background jobs of a shell ignore SIGINT, and those of nohup SIGHUP; child processes inherit it,
# and some tests send both.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Before the first import of TensorFlow, which reads these once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# The tests run in one process per core; more threads in each would compete for the cores.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.models.backbone_family import BlockNames, Family, Member
from artstyle_tf.plots import saving
from artstyle_tf.trunk_cache import settings as trunk_cache_settings

# `training.trunk_cache.runtime: auto` is Keras in these processes and in the programs that
# tests/reliability forks: compiling a trunk takes longer than most trainings here. Tests of the
# faster runtimes ask for the fixture `shipped_runtimes`; other processes get `runtime=keras`.
_SHIPPED_RUNTIMES = trunk_cache_settings.AUTOMATIC_RUNTIMES
trunk_cache_settings.AUTOMATIC_RUNTIMES = ()

# Starting a process takes longer than the few figures of a tiny training; only
# tests/plots/test_saving.py does it.
saving.IN_BACKGROUND = False

# Until the tests are imported, which creates millions of objects and no garbage.
gc.disable()

# Folders whose files take minutes. They start first, so that no process is still running one of
# them when the others have finished.
_LONGEST_FIRST = (
    "smoke",
    "packaging",
    "jobs",
    "training",
    "tuning",
    "reliability",
    "prediction",
    "models",
    "notebooks",
    "benchmarks",
    "losses",
    "report",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)

    items.sort(key=rank)  # stable: within a folder all stays as it is


def pytest_runtestloop() -> None:
    """Exclude the objects of the imports from garbage collection, a twelfth of the tests' time.

    They exist until the end, and traversing these millions of objects takes half a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True)
def _seeded():
    """Seed Keras and NumPy, so that tests with random weights are reproducible.

    TensorFlow's own seed, which nothing here uses, stays: with a new one TensorFlow prepares every
    function again that is called again, up to 0.2 s per test.
    """
    if "keras" not in sys.modules:  # the test needs none, and the import takes seconds
        return
    with pytest.MonkeyPatch.context() as patch:
        if "tensorflow" in sys.modules:
            patch.setattr(sys.modules["tensorflow"].random, "set_seed", lambda seed: None)
        sys.modules["keras"].utils.set_random_seed(0)


@contextmanager
def _running_without_graphs() -> Iterator[None]:
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@pytest.fixture(scope="session")
def running_without_graphs() -> Callable[[], AbstractContextManager[None]]:
    """Function () -> a context like `without_graphs`, for fixtures."""
    return _running_without_graphs


@pytest.fixture(scope="module")
def without_graphs():
    """Run TensorFlow without graphs: tracing one takes as long as ten steps of a tiny training.

    Trainings with graphs are tested in tests/training/test_progressive.py, tests/smoke and
    tests/jobs/test_cached_training.py.
    """
    with _running_without_graphs():
        yield


@pytest.fixture
def this_one_without_graphs():
    """Run one test without graphs, in a file with tests that need graphs."""
    with _running_without_graphs():
        yield


@contextmanager
def _figures_without_pixels() -> Iterator[None]:
    def render_quickly(figure, suffix, dpi):
        del dpi
        rendered = io.BytesIO()
        if suffix == ".png":
            Image.new("RGB", (8, 8)).save(rendered, "PNG")
        else:
            figure.set_layout_engine("none")
            figure.savefig(rendered, dpi=100, format=suffix.removeprefix("."))
        return rendered.getvalue()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "_render", render_quickly)
        yield


@pytest.fixture(scope="session")
def figures_without_pixels() -> Callable[[], AbstractContextManager[None]]:
    """Function () -> a context in which figures are created, but written as blank images.

    Rendering takes a third of a tiny training. tests/plots tests rendered figures, and the scripts
    in tests/smoke render theirs.
    """
    return _figures_without_pixels


@pytest.fixture
def shipped_runtimes(monkeypatch):
    """Let `runtime: auto` choose among all runtimes, as it does outside the tests."""
    monkeypatch.setattr(trunk_cache_settings, "AUTOMATIC_RUNTIMES", _SHIPPED_RUNTIMES)


@pytest.fixture(scope="session")
def write_images() -> Callable[..., Path]:
    """Function that writes a folder of style folders that a network can separate.

    Returns:
        Function (folder, images_per_style, size_px=48, seed=0) -> folder.
    """

    def write(
        folder: Path, images_per_style: dict[str, int], *, size_px: int = 48, seed: int = 0
    ) -> Path:
        for number, (style, count) in enumerate(images_per_style.items()):
            (folder / style).mkdir(parents=True, exist_ok=True)
            for position in range(count):
                generator = np.random.default_rng([seed, number, position])
                pixels = _stripes(size_px, period_px=4 + 4 * number, generator=generator)
                artist = "ann" if position % 2 else "bob"
                name = f"{artist}-{number}-{position // 4}_image-{position:02d}.png"
                Image.fromarray(pixels).save(folder / style / name)
        return folder

    return write


def _stripes(size_px: int, *, period_px: int, generator: np.random.Generator) -> np.ndarray:
    """Draw stripes in random colors whose period depends on the style: uint8 [S, S, 3]."""
    phase = generator.integers(period_px)
    wave = ((np.arange(size_px) + phase) // (period_px // 2)) % 2
    dark, light = generator.integers(0, 110, 3), generator.integers(140, 255, 3)
    rows = np.where(wave[:, None], light, dark)
    pixels = np.broadcast_to(rows[:, None, :], (size_px, size_px, 3))
    if generator.random() < 0.5:
        pixels = pixels.transpose(1, 0, 2)
    noise = generator.normal(0, 6, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


_TINY_BLOCKS = ("block1a", "block2a", "block2b")


def build_tiny_network(
    *, include_top=False, weights=None, input_shape=(16, 16, 3), blocks=_TINY_BLOCKS
):
    """Build a network of three blocks with the kinds of layers of an EfficientNet.

    The signature is that of the builders in keras.applications.
    """
    import keras

    assert not include_top
    assert weights is None
    layers = keras.layers
    inputs = keras.Input(input_shape, name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="stem_conv")(x)
    x = layers.BatchNormalization(momentum=0.5, name="stem_bn")(x)
    for name in blocks:
        y = layers.Conv2D(8, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
        y = layers.BatchNormalization(momentum=0.5, name=f"{name}_bn")(y)
        y = layers.Activation("swish", name=f"{name}_activation")(y)
        y = layers.Dropout(0.3, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(y)
        x = layers.Add(name=f"{name}_add")([x, y])
    x = layers.Conv2D(12, 1, use_bias=False, name="top_conv")(x)
    x = layers.BatchNormalization(momentum=0.5, name="top_bn")(x)
    x = layers.Activation("swish", name="top_activation")(x)
    return keras.Model(inputs, x, name="tiny")


TINY_FAMILY = Family(
    members={"tiny": Member(build_tiny_network)},
    block_names=BlockNames(r"(block\d+[a-z]+)_"),
    license="none",
    min_image_size_px=16,
)


@pytest.fixture(scope="session")
def tiny_backbone():
    """Function (image_size_px=16) -> Backbone around the tiny network, always the same weights.

    With `blocks` it has fewer, for tests of trainings.
    """
    import keras

    from artstyle_tf.models.backbone import Backbone, wrap_backbone

    def build(image_size_px: int = 16, blocks: tuple[str, ...] = _TINY_BLOCKS) -> Backbone:
        keras.utils.set_random_seed(7)
        shape = (image_size_px, image_size_px, 3)
        model = build_tiny_network(input_shape=shape, blocks=blocks)
        return wrap_backbone("tiny", model, TINY_FAMILY.block_names)

    return build


@pytest.fixture(scope="session")
def name_tiny_network():
    """Function (monkeypatch): let `model.backbone=tiny` build the tiny network."""
    from artstyle_tf.models.backbone_registry import FAMILIES

    return lambda patch: patch.setitem(FAMILIES, "tiny", TINY_FAMILY)


@pytest.fixture
def tiny_network_by_name(monkeypatch, name_tiny_network):
    """Let `model.backbone=tiny` build the tiny network, so that jobs run in seconds."""
    name_tiny_network(monkeypatch)
