from __future__ import annotations

import socket

import keras
import numpy as np
import pytest

from artstyle_tf.models import backbone_registry
from artstyle_tf.models import weights as weights_module
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.weights import IMAGENET_MEAN, IMAGENET_STD, weights_digest
from artstyle_tf.system.errors import ArtstyleError


def stored_variance(backbone):
    layer = backbone.model.get_layer(index=2)
    return np.asarray(layer.adapt_variance)


def save_b0(tmp_path, *, variance):
    """Save an EfficientNetB0 file whose normalization layer holds this variance."""
    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    layer = model.get_layer(index=2)
    layer.adapt_mean.assign(IMAGENET_MEAN)
    layer.adapt_variance.assign(variance)
    layer.finalize_state()
    file = tmp_path / "b0.weights.h5"
    model.save_weights(file)
    return file


def test_a_standard_deviation_stored_as_variance_is_squared(tmp_path):
    file = save_b0(tmp_path, variance=IMAGENET_STD)
    backbone = build_backbone("efficientnet_b0", image_size_px=32, weights=str(file))
    np.testing.assert_allclose(stored_variance(backbone), IMAGENET_STD**2, rtol=1e-5)


def test_a_true_variance_is_left_alone(tmp_path):
    file = save_b0(tmp_path, variance=IMAGENET_STD**2)
    backbone = build_backbone("efficientnet_b0", image_size_px=32, weights=str(file))
    np.testing.assert_allclose(stored_variance(backbone), IMAGENET_STD**2, rtol=1e-5)


def test_the_repaired_input_reaches_the_stem_with_unit_spread(tmp_path):
    file = save_b0(tmp_path, variance=IMAGENET_STD)
    model = build_backbone("efficientnet_b0", image_size_px=32, weights=str(file)).model
    stem_input = keras.Model(model.input, model.get_layer("stem_conv_pad").input)
    generator = np.random.default_rng(1)
    images = 255 * generator.normal(IMAGENET_MEAN, IMAGENET_STD, (4, 32, 32, 3))
    assert np.std(stem_input(images.astype("float32"))) == pytest.approx(1, abs=0.05)


def test_another_scale_is_refused(tmp_path):
    file = save_b0(tmp_path, variance=[100.0, 100.0, 100.0])
    with pytest.raises(ArtstyleError, match="pixels of the wrong scale"):
        build_backbone("efficientnet_b0", image_size_px=32, weights=str(file))


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    file = save_b0(tmp_path, variance=IMAGENET_STD)
    with pytest.raises(ArtstyleError, match="do not fit efficientnet_v2_b0"):
        build_backbone("efficientnet_v2_b0", image_size_px=32, weights=str(file))


def load_into(backbone, file):
    weights_module.load_weights(
        backbone.model, str(file), name="tiny", build_pretrained=pytest.fail
    )


def test_a_file_of_the_same_layers_is_read_without_the_search_of_keras(
    tiny_backbone, tmp_path, monkeypatch
):
    saved, other = tiny_backbone(), tiny_backbone()
    other.model.set_weights([weight + 1 for weight in saved.model.get_weights()])
    saved.model.save_weights(tmp_path / "same.weights.h5")
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_: pytest.fail("Keras was called"))
    load_into(other, tmp_path / "same.weights.h5")
    assert weights_digest(other.model) == weights_digest(saved.model)


def test_keras_reads_a_file_whose_layers_have_other_names(tiny_backbone, tmp_path):
    saved, other = tiny_backbone(), tiny_backbone()
    other.model.set_weights([weight + 1 for weight in saved.model.get_weights()])
    renamed = keras.models.clone_model(
        saved.model,
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "name": f"other_{layer.name}"}
        ),
    )
    renamed.set_weights(saved.model.get_weights())
    renamed.save_weights(tmp_path / "renamed.weights.h5")
    load_into(other, tmp_path / "renamed.weights.h5")
    assert weights_digest(other.model) == weights_digest(saved.model)


@pytest.mark.parametrize("content", [b"", b"not a weights file at all"])
def test_a_damaged_file_is_refused(tmp_path, content):
    file = tmp_path / "damaged.weights.h5"
    file.write_bytes(content)
    with pytest.raises(ArtstyleError, match="do not fit"):
        build_backbone("efficientnet_b0", image_size_px=32, weights=str(file))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtstyleError, match=r"nowhere\.h5"):
        build_backbone("efficientnet_b0", image_size_px=32, weights=str(tmp_path / "nowhere.h5"))


def test_unreachable_imagenet_weights_name_the_three_alternatives(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def refuse(address, timeout):
        assert timeout <= 5  # the user should know within seconds
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ArtstyleError) as raised:
        build_backbone("efficientnet_b0", image_size_px=32, weights="imagenet")
    text = str(raised.value)
    assert f"efficientnetb0_notop.h5 into {tmp_path / 'models'}" in text
    assert "model.weights=PATH" in text
    assert "model.weights=null" in text


def test_cached_imagenet_weights_need_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnetb0_notop.h5").touch()
    monkeypatch.setattr(
        backbone_registry, "_weights_host_answers", lambda: pytest.fail("the host was called")
    )
    bare = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    pretrained = keras.models.clone_model(bare)
    pretrained.get_layer(index=2).adapt_mean.assign(IMAGENET_MEAN)
    pretrained.get_layer(index=2).adapt_variance.assign(IMAGENET_STD)
    weights_module.load_weights(
        bare, "imagenet", name="efficientnet_b0", build_pretrained=lambda: pretrained
    )
    np.testing.assert_array_equal(
        bare.get_layer("top_conv").kernel, pretrained.get_layer("top_conv").kernel
    )
    np.testing.assert_allclose(bare.get_layer(index=2).adapt_variance, IMAGENET_STD**2, rtol=1e-5)


def test_the_demo_weights_are_small_and_belong_to_the_compact_network():
    file = backbone_registry.DEMO_WEIGHTS_FILE
    assert file.stat().st_size <= 800_000
    first = build_backbone("compact", image_size_px=32, weights="demo").model
    second = build_backbone("compact", image_size_px=48, weights="demo").model
    assert weights_digest(first) == weights_digest(second)
    kernel = np.asarray(first.get_layer("stem_conv").kernel)
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(kernel, kernel.astype(np.float16))  # stored in half precision
    # Blocks begin as the identity: pretraining has moved them away from it.
    assert np.abs(first.get_layer("block3b_second_bn").gamma).mean() > 0.05
    with pytest.raises(ArtstyleError, match="demo weights belong to the compact network") as caught:
        build_backbone("efficientnet_b0", image_size_px=32, weights="demo")
    assert "model.weights=demo with model.backbone=efficientnet_b0" in str(caught.value)
    assert "model.backbone=compact" in str(caught.value)


def test_equal_weights_have_equal_digests_and_one_changed_number_another(tiny_backbone):
    first, second = tiny_backbone(), tiny_backbone()
    assert weights_digest(first.model) == weights_digest(second.model)
    kernel = second.model.get_layer("top_conv").kernel
    changed = np.array(kernel)
    changed.flat[0] += 1e-6
    kernel.assign(changed)
    assert weights_digest(first.model) != weights_digest(second.model)


@pytest.mark.parametrize(
    ("backbone", "weights", "expected"),
    [
        ("efficientnet_b0", "imagenet", "Apache-2.0"),
        ("efficientnet_v2_s", "imagenet", "Apache-2.0"),
        ("compact", "demo", "MIT"),
        ("efficientnet_b0", "imagenet.weights.h5", "unknown (a file of your own)"),
        ("efficientnet_b0", None, "none (random weights)"),
    ],
)
def test_the_license_of_weights_is_known(backbone, weights, expected):
    assert backbone_registry.weights_license(backbone, weights) == expected
