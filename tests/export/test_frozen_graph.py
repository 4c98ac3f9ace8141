from __future__ import annotations

import keras
import numpy as np
import pytest

from artstyle_tf.export.formats.export_format import load_format
from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_trunk
from artstyle_tf.trunk_cache.frozen_graph import freeze

IMAGES = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 3)).astype(np.float32)


@pytest.fixture
def classifier(tiny_backbone):
    return build_classifier(tiny_backbone(), num_classes=3, dropout=0.2, seed=1)


@pytest.mark.parametrize("boundaries", [[1], [2, 0, 1]])
def test_a_frozen_graph_computes_the_model_in_inference_mode(classifier, boundaries):
    trunk = build_trunk(classifier, boundaries)
    expected = trunk(IMAGES, training=False)
    expected = expected if isinstance(expected, list) else [expected]
    run = freeze(trunk)
    for count in (5, 2):  # any number of images
        found = run(IMAGES[:count])
        assert len(found) == len(boundaries)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other[:count], rtol=1e-4, atol=1e-5)


def test_it_keeps_the_weights_of_when_it_was_frozen(classifier):
    trunk = build_trunk(classifier, [1])
    run = freeze(trunk)
    before = run(IMAGES)[0]
    kernel = classifier.backbone.model.get_layer("stem_conv").kernel
    kernel.assign(kernel + 1)
    np.testing.assert_array_equal(run(IMAGES)[0], before)
    assert not np.allclose(freeze(trunk)(IMAGES)[0], before)


@pytest.fixture(scope="module")
def grouped_network():
    """A network with a grouped convolution, which Keras compiles, and GELU, as in ConvNeXt."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1)(inputs)
    x = keras.layers.Conv2D(4, 3, padding="same", groups=4)(x)
    x = keras.layers.Activation("gelu")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def test_a_graph_without_compiled_functions_needs_no_copy(classifier):
    frozen = freeze(classifier.model)
    assert frozen.inlined() is frozen


def test_compiled_functions_become_part_of_the_graph(grouped_network):
    frozen = freeze(grouped_network)
    assert [node.op for node in frozen.graph_def.node if "Call" in node.op]
    inlined = [node.op for node in frozen.inlined().graph_def.node]
    assert "Conv2D" in inlined
    assert not [op for op in inlined if "Call" in op]
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    (found,) = frozen(images)
    np.testing.assert_allclose(found, grouped_network(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["onnx", "litert", "openvino"])
def test_grouped_convolutions_and_gelu_can_be_exported(grouped_network, name, tmp_path):
    form = load_format(name)
    file = form.write(freeze(grouped_network).inlined(), tmp_path, lambda: iter([]))
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    (found,) = form.open(file)(images)
    np.testing.assert_allclose(found, grouped_network(images), rtol=1e-4, atol=1e-5)
