from __future__ import annotations

import importlib.util
import io
import subprocess
import sys

import keras
import numpy as np
import pytest

from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_trunk
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache import openvino_runner, trunk_runtime
from artstyle_tf.trunk_cache.trunk_runtime import (
    TrunkRuntime,
    keras_runtime,
    open_trunk_runtime,
    openvino_runtime,
)

pytestmark = pytest.mark.usefixtures("shipped_runtimes")

IMAGES = np.random.default_rng(0).uniform(0, 255, (11, 16, 16, 3)).astype(np.float32)


@pytest.fixture
def make_trunk(tiny_backbone):
    def make(boundaries):
        classifier = build_classifier(tiny_backbone(), num_classes=3, dropout=0.2, seed=1)
        return build_trunk(classifier, boundaries)

    return make


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def pretend_openvino(monkeypatch):
    """Function (outputs of a trunk -> outputs of OpenVINO) that simulates its installation."""

    def pretend(change):
        def pretended(trunk):
            plain = trunk_runtime.keras_runtime(trunk)
            return TrunkRuntime("openvino-float32", lambda images: change(plain.run(images)))

        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        monkeypatch.setattr(trunk_runtime, "openvino_runtime", pretended)

    return pretend


@pytest.mark.parametrize("boundaries", [[1], [0, 1, 2]])
def test_keras_computes_the_trunk_in_inference_mode(make_trunk, boundaries):
    trunk = make_trunk(boundaries)
    outputs = keras_runtime(trunk).run(IMAGES)
    expected = trunk(IMAGES, training=False)
    expected = expected if isinstance(expected, list) else [expected]
    assert len(outputs) == len(boundaries)
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_without_openvino_it_is_keras(make_trunk, stream, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    runtime = open_trunk_runtime(make_trunk([1]), "auto", IMAGES, reporter=Reporter(stream))
    assert runtime.name == keras.backend.backend()
    assert stream.getvalue() == ""
    with pytest.raises(ArtstyleError, match=r"pip install 'artstyle-tf\[openvino\]'"):
        open_trunk_runtime(make_trunk([1]), "openvino", IMAGES)


def test_an_exact_openvino_is_used(make_trunk, stream, pretend_openvino):
    pretend_openvino(lambda outputs: [output * (1 + 1e-6) for output in outputs])
    runtime = open_trunk_runtime(make_trunk([0, 1]), "auto", IMAGES, reporter=Reporter(stream))
    assert runtime.name == "openvino-float32"
    assert stream.getvalue() == ""
    assert open_trunk_runtime(make_trunk([1]), "keras", IMAGES).name != "openvino-float32"


@pytest.mark.parametrize("choice", ["auto", "openvino"])
def test_an_inexact_openvino_is_not_used(make_trunk, stream, pretend_openvino, choice):
    pretend_openvino(lambda outputs: [outputs[0], outputs[1] * 1.001])
    runtime = open_trunk_runtime(make_trunk([0, 1]), choice, IMAGES, reporter=Reporter(stream))
    assert runtime.name == keras.backend.backend()
    assert "OpenVINO is not used: it differs from Keras by 1.0e-03" in stream.getvalue()
    assert stream.getvalue().startswith("Warning: ") == (choice == "openvino")


@pytest.mark.parametrize("position", [0, 1])
def test_an_openvino_with_wrong_outputs_is_not_used(make_trunk, pretend_openvino, position):
    def spoil(outputs):
        return [output * (np.nan if at == position else 1) for at, output in enumerate(outputs)]

    pretend_openvino(spoil)
    runtime = open_trunk_runtime(make_trunk([0, 1]), "auto", IMAGES)
    assert runtime.name == keras.backend.backend()


def test_an_output_of_zeros_can_be_exact(make_trunk, pretend_openvino, monkeypatch):
    zeros = TrunkRuntime("zeros", lambda images: [np.zeros((11, 3), np.float32)])
    monkeypatch.setattr(trunk_runtime, "keras_runtime", lambda trunk: zeros)
    pretend_openvino(lambda outputs: outputs)
    assert open_trunk_runtime(make_trunk([1]), "auto", IMAGES).name == "openvino-float32"
    pretend_openvino(lambda outputs: [output + 1 for output in outputs])
    assert open_trunk_runtime(make_trunk([1]), "auto", IMAGES).name != "openvino-float32"


def test_an_openvino_that_fails_is_not_used(make_trunk, stream, monkeypatch):
    def fail(trunk):
        raise RuntimeError("no such operation\nand a long explanation")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(trunk_runtime, "openvino_runtime", fail)
    runtime = open_trunk_runtime(make_trunk([1]), "auto", IMAGES, reporter=Reporter(stream))
    assert runtime.name == keras.backend.backend()
    assert "OpenVINO cannot run the frozen blocks (no such operation)" in stream.getvalue()


def test_the_compiler_of_the_backend_is_the_second_choice(make_trunk, stream, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def compile_trunk(trunk):
        return keras_runtime(trunk).run

    options = {"compile_trunk": compile_trunk, "reporter": Reporter(stream)}
    trunk = make_trunk([0, 1])
    assert open_trunk_runtime(trunk, "auto", IMAGES, **options).name.endswith("-compiled")
    assert not open_trunk_runtime(trunk, "keras", IMAGES, **options).name.endswith("-compiled")
    assert stream.getvalue() == ""


def test_a_compiler_with_wrong_outputs_is_not_used(make_trunk, stream, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def compile_trunk(trunk):
        return lambda images: [np.full_like(keras_runtime(trunk).run(images)[0], np.nan)]

    runtime = open_trunk_runtime(
        make_trunk([1]), "auto", IMAGES, compile_trunk=compile_trunk, reporter=Reporter(stream)
    )
    assert runtime.name == keras.backend.backend()
    assert "A compiled graph is not used" in stream.getvalue()


def test_openvino_cannot_load_its_telemetry(monkeypatch, tmp_path):
    (tmp_path / "openvino.py").write_text("import openvino_telemetry")
    (tmp_path / "openvino_telemetry.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("openvino", "openvino_telemetry"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError, match="openvino_telemetry"):
        openvino_runner.import_openvino()


@pytest.mark.parametrize("boundaries", [[1], [0, 2], [2, 0, 1]])
@pytest.mark.parametrize("num_images", [0, 1, 8, 11])  # nothing, full parts, and a rest
def test_openvino_computes_what_keras_computes(make_trunk, boundaries, num_images):
    pytest.importorskip("openvino")
    trunk = make_trunk(boundaries)
    runtime = openvino_runtime(trunk)
    for _ in range(2):  # nothing is left over from the batch before
        found = runtime.run(IMAGES[:num_images])
        expected = keras_runtime(trunk).run(IMAGES)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, other[:num_images], rtol=1e-4, atol=1e-5)


def test_openvino_runs_a_trunk_that_ends_in_an_activation(tiny_backbone):
    """Such a layer has a custom gradient, for which the conversion adds outputs."""
    pytest.importorskip("openvino")
    model = tiny_backbone().model
    layers = [model.get_layer(name) for name in ("block2a_activation", "top_activation")]
    trunk = keras.Model(model.input, [layer.output for layer in layers])
    assert open_trunk_runtime(trunk, "auto", IMAGES).name == "openvino-float32"


def test_a_signal_after_openvino_does_not_end_the_process():
    """Its plugin, unloaded by another thread, freed the stack of signal handlers."""
    pytest.importorskip("openvino")
    code = """
import signal, threading
import numpy as np
from artstyle_tf.trunk_cache.openvino_runner import OpenVinoRunner, import_openvino
from openvino import opset13 as ops
pixels = ops.parameter([-1, 2, 2, 3], np.float32)
model = import_openvino().Model([ops.abs(pixels)], [pixels])
runners = [OpenVinoRunner(model)]
assert runners[0].run(np.full((1, 2, 2, 3), -1, np.float32))[0].max() == 1
thread = threading.Thread(target=runners.clear)
thread.start()
thread.join()
heard = []
signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
signal.raise_signal(signal.SIGINT)
assert heard == [signal.SIGINT]
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, (answer.returncode, answer.stderr)
