"""The losses against other implementations and another backend."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import textwrap
import types
import typing
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from patience import HUNG_SECONDS

from artstyle_tf.losses.settings import METRIC_LOSSES, MetricLossConfig
from artstyle_tf.losses.triplet_losses import (
    BatchHardTripletLoss,
    SemiHardTripletLoss,
    build_metric_loss,
)

GOLDEN = json.loads((Path(__file__).parent / "golden" / "triplets.json").read_text())
NAMES_IN_ADDONS = {"l2": "L2", "squared_l2": "squared-L2", "cosine": "angular"}


@pytest.fixture(scope="module")
def addons():
    """Triplet losses of tensorflow-addons, a package that cannot be imported any more."""
    found = importlib.util.find_spec("tensorflow_addons")
    if found is None or importlib.util.find_spec("typeguard") is None:
        pytest.skip("tensorflow-addons is not installed; `make test` installs it")
    (root,) = found.submodule_search_locations
    stubs = {}
    for name in ("", ".losses", ".utils"):
        stub = types.ModuleType(f"tensorflow_addons{name}")
        stub.__path__ = [str(Path(root, *name.split(".")))]
        stubs[stub.__name__] = stub
    kinds = types.ModuleType("tensorflow_addons.utils.types")
    kinds.TensorLike = kinds.FloatTensorLike = kinds.Number = typing.Any
    stubs[kinds.__name__] = kinds
    with pytest.MonkeyPatch.context() as patch:
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        yield importlib.import_module("tensorflow_addons.losses.triplet")
        for name in [name for name in sys.modules if name.startswith("tensorflow_addons")]:
            patch.delitem(sys.modules, name, raising=False)


def some_batch(seed, *, size=16, num_classes=4):
    """Sample a batch with every class at least twice, so that the definitions agree."""
    generator = np.random.default_rng(seed)
    labels = np.arange(size) % num_classes
    return labels, generator.normal(size=(size, 8)).astype(np.float32)


def value_and_gradient(loss, embeddings):
    embeddings = tf.constant(embeddings)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        value = loss(embeddings)
    return float(value), np.asarray(tape.gradient(value, embeddings))


def assert_equal(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distance", NAMES_IN_ADDONS)
def test_semi_hard_equals_tensorflow_addons(addons, distance, seed):
    labels, embeddings = some_batch(seed)
    ours = value_and_gradient(
        lambda rows: SemiHardTripletLoss(margin=1.0, distance=distance).call(labels, rows),
        embeddings,
    )
    theirs = value_and_gradient(
        lambda rows: addons.triplet_semihard_loss(
            labels, rows, margin=1.0, distance_metric=NAMES_IN_ADDONS[distance]
        ),
        embeddings,
    )
    assert_equal(ours, theirs)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("margin", [1.0, None])
@pytest.mark.parametrize("distance", NAMES_IN_ADDONS)
def test_batch_hard_equals_tensorflow_addons(addons, distance, margin, seed):
    labels, embeddings = some_batch(seed)
    ours = value_and_gradient(
        lambda rows: BatchHardTripletLoss(margin=margin, distance=distance).call(labels, rows),
        embeddings,
    )
    theirs = value_and_gradient(
        lambda rows: addons.triplet_hard_loss(
            labels,
            rows,
            margin=margin or 0.0,
            soft=margin is None,
            distance_metric=NAMES_IN_ADDONS[distance],
        ),
        embeddings,
    )
    assert_equal(ours, theirs)


def test_deliberate_differences_from_tensorflow_addons(addons):
    """Three deliberate differences; each would harm training."""
    rows = np.eye(3, dtype=np.float32)
    assert np.isnan(addons.triplet_semihard_loss([0, 1, 2], rows))
    assert float(SemiHardTripletLoss().call([0, 1, 2], rows)) == 0.0
    # Anchors without a positive: max(0, margin - d_an) there, left out here.
    lone = addons.triplet_hard_loss([0, 0, 1], rows, margin=2.0)
    assert float(lone) != pytest.approx(2.0)
    assert float(BatchHardTripletLoss(margin=2.0).call([0, 0, 1], rows)) == pytest.approx(2.0)
    # log1p(exp(x)) overflows.
    far = np.array([[0.0], [200.0], [1.0], [1.0]], np.float32)
    assert np.isinf(addons.triplet_hard_loss([0, 0, 1, 1], far, soft=True))
    assert np.isfinite(float(BatchHardTripletLoss(margin=None).call([0, 0, 1, 1], far)))


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("batch_hard", "batch_hard"),
        ("batch_all", "batch_all"),
        ("batch_all", "batch_all_mined"),
        ("hard", "hard_mined"),
        ("supervised_contrastive", "supervised_contrastive"),
    ],
)
def test_numbers_of_pytorch_metric_learning(case, name, theirs):
    shared = MetricLossConfig(margin=GOLDEN["margin"], temperature=GOLDEN["temperature"])
    loss = build_metric_loss(name, shared)
    value = float(loss(np.array(case["labels"]), np.array(case["embeddings"], np.float32)))
    assert value == pytest.approx(case["expected"][theirs], abs=2e-6)


PROGRAM = """
    import json, os, sys
    import jax, numpy as np
    from artstyle_tf.losses.settings import METRIC_LOSSES, MetricLossConfig
    from artstyle_tf.losses.triplet_losses import build_metric_loss
    assert os.environ["KERAS_BACKEND"] == "jax"
    generator = np.random.default_rng(0)
    labels, rows = np.arange(12) % 3, generator.normal(size=(12, 5)).astype(np.float32)
    results = {}
    for name in METRIC_LOSSES:
        # Every margin and every distance; compiling all combinations takes twice as long.
        for margin, distance in ((0.5, "l2"), (None, "squared_l2"), (0.5, "cosine")):
            shared = MetricLossConfig(margin=margin, distance=distance, temperature=0.2)
            loss = build_metric_loss(name, shared)
            compute = jax.jit(jax.value_and_grad(lambda x: loss(labels, x)))
            value, gradient = compute(rows)
            key = f"{name} {margin} {distance}"
            results[key] = [float(value), np.asarray(gradient).tolist()]
    assert "tensorflow" not in sys.modules
    print(json.dumps(results))
"""


@pytest.mark.slow
def test_jax_gives_the_same_values_and_gradients():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed; `make test` installs it")
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=HUNG_SECONDS,
    )
    assert process.returncode == 0, process.stderr
    generator = np.random.default_rng(0)
    labels, rows = np.arange(12) % 3, generator.normal(size=(12, 5)).astype(np.float32)
    results = json.loads(process.stdout.splitlines()[-1])
    assert {key.split()[0] for key in results} == set(METRIC_LOSSES)
    for key, (value, gradient) in results.items():
        name, margin, distance = key.split()
        margin = None if margin == "None" else float(margin)
        shared = MetricLossConfig(margin=margin, distance=distance, temperature=0.2)
        loss = build_metric_loss(name, shared)
        assert_equal(
            value_and_gradient(lambda x, loss=loss: loss(labels, x), rows),
            (value, np.array(gradient)),
        )
