"""Presets of KerasHub as backbones: unrolled, cut, saved, trained, exported; and bad input."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import keras
import numpy as np
import pytest

import artstyle_tf
from artstyle_tf.cli.main import main
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.backbone_registry import check_backbone, weights_license
from artstyle_tf.models.features import build_depth_features, build_pooled_features
from artstyle_tf.models.hub import presets
from artstyle_tf.models.hub.layers import EncoderLayer
from artstyle_tf.models.hub.transformers import resized_positions
from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_segment, build_top, build_trunk
from artstyle_tf.prediction.grad_cam import GradCam
from artstyle_tf.runs.model_files import load_model
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.optimizers import depth_multipliers
from artstyle_tf.training.phases import apply_phase, build_phase_model, check_phases
from artstyle_tf.training.settings import PhaseConfig
from artstyle_tf.trunk_cache.feature_request import feature_request

keras_hub = pytest.importorskip("keras_hub")

PATCH_PX, NATIVE_PX, OTHER_PX = 14, 28, 42
SHAPE = (NATIVE_PX, NATIVE_PX, 3)
VIT = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}
DINO = {**VIT, "patch_size": PATCH_PX, "intermediate_dim": 32, "image_shape": SHAPE}
DINOV2 = {**DINO, "position_embedding_shape": SHAPE}


def build_dinov2(**arguments):
    return keras_hub.models.DINOV2Backbone(**{**DINOV2, **arguments})


def build_dinov2_with_registers():
    return build_dinov2(num_register_tokens=2, use_swiglu_ffn=True, drop_path_rate=0.1)


def build_dinov3():
    return keras_hub.models.DINOV3Backbone(**DINO, num_register_tokens=2)


def build_vit():
    return keras_hub.models.ViTBackbone(SHAPE, PATCH_PX, **VIT, mlp_dim=32)


def build_vit_without_class_token():
    options = {"use_class_token": False, "use_patch_bias": False}
    return keras_hub.models.ViTBackbone(SHAPE, PATCH_PX, **VIT, mlp_dim=32, **options)


def build_deit():
    return keras_hub.models.DeiTBackbone(SHAPE, PATCH_PX, **VIT, intermediate_dim=32)


def build_resnet():
    return keras_hub.models.ResNetBackbone([8], [7], [64, 128], [1, 1], [1, 2], "bottleneck_block")


def build_mobilenet():
    return keras_hub.models.MobileNetBackbone(
        stackwise_expansion=[[16, 24]],
        stackwise_num_blocks=[2],
        stackwise_num_filters=[[8, 8]],
        stackwise_kernel_size=[[3, 3]],
        stackwise_num_strides=[[2, 1]],
        stackwise_se_ratio=[[None, 0.25]],
        stackwise_activation=[["relu", "hard_swish"]],
        stackwise_padding=[[1, 1]],
        output_num_filters=16,
        input_num_filters=8,
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        last_layer_filter=16,
        image_shape=SHAPE,
    )


def build_hgnet():
    return keras_hub.models.HGNetV2Backbone(
        depths=[1, 1],
        embedding_size=16,
        hidden_sizes=[16, 24],
        stem_channels=[3, 8, 16],
        hidden_act="relu",
        use_learnable_affine_block=True,
        stackwise_stage_filters=[(16, 8, 16, 1, 1, 3), (16, 8, 24, 1, 1, 3)],
        apply_downsample=[False, True],
        use_lightweight_conv_block=[False, True],
        image_shape=SHAPE,
    )


def save(network, folder):
    """Save a network with weights that matter, also where they are zero in the beginning."""
    generator = np.random.default_rng(0)
    network.set_weights(
        [w + 0.1 * generator.normal(size=w.shape).astype(w.dtype) for w in network.get_weights()]
    )
    network.save_to_preset(str(folder))
    return f"hub:{folder}"


def some_images(size_px, count=2):
    pixels = np.random.default_rng(1).uniform(0, 255, (count, size_px, size_px, 3))
    return pixels.astype(np.float32)


def scaled(backbone, images):
    return keras.Model(backbone.model.input, backbone.model.get_layer("scaling").output)(images)


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    return save(build_dinov2(), tmp_path_factory.mktemp("presets") / "dinov2")


@pytest.fixture(autouse=True)
def _quick(this_one_without_graphs):
    """Run without graphs; a test that exports traces them itself."""


# Others of a kind that is here already.
MORE = pytest.mark.reliability


@pytest.mark.parametrize(
    ("build", "prefix", "has_class_token"),
    [
        pytest.param(build_dinov2, 1, True, marks=MORE),
        (build_dinov2_with_registers, 3, True),
        pytest.param(build_dinov3, 3, True, marks=MORE),
        (build_vit, 1, True),
        pytest.param(build_vit_without_class_token, 0, False, marks=MORE),
        pytest.param(build_deit, 2, True, marks=MORE),
    ],
)
def test_an_unrolled_transformer_equals_that_of_keras_hub_and_can_be_cut(
    build, prefix, has_class_token, tmp_path
):
    name = save(build(), tmp_path / "preset")
    # Those of ViT and DeiT have one size in KerasHub.
    for size_px in (NATIVE_PX, OTHER_PX) if "dino" in build.__name__ else (NATIVE_PX,):
        backbone = build_backbone(name, image_size_px=size_px, weights="pretrained")
        original = keras_hub.models.Backbone.from_preset(
            str(tmp_path / "preset"), image_shape=(size_px, size_px, 3)
        )
        images = some_images(size_px)
        pixels = scaled(backbone, images)
        expected = original(keras.tree.map_structure(lambda _, p=pixels: p, original.input))
        model = keras.Model(backbone.model.input, [backbone.top_tokens, backbone.model.output])
        tokens, feature_map = model(images)
        np.testing.assert_allclose(tokens, expected, atol=2e-5)
        side = size_px // PATCH_PX
        assert backbone.tokens == (side, side, prefix, has_class_token)
        np.testing.assert_array_equal(
            feature_map, np.asarray(tokens)[:, prefix:].reshape(2, side, side, 16)
        )
    assert list(backbone.block_by_name) == ["layer_1", "layer_2"]

    # At another size, which KerasHub's own ViT and DeiT cannot take.
    if size_px != OTHER_PX:
        backbone = build_backbone(name, image_size_px=OTHER_PX, weights="pretrained")
    check_cuts(backbone, tmp_path / "model.keras")


def check_cuts(backbone, file):
    """Check that a network can be cut at every layer, joined, saved and loaded."""
    features = build_depth_features(backbone, blocks=None)
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1, features=features)
    images = some_images(OTHER_PX)
    expected = np.asarray(classifier.model(images))
    for boundary in (1, 0):
        rows = build_trunk(classifier, [boundary])(images)
        np.testing.assert_allclose(build_top(classifier, boundary)(rows), expected, atol=1e-5)
        if boundary:
            rows = build_segment(classifier, boundary, boundary - 1)(rows)
            joined = build_top(classifier, boundary - 1)(rows)
            np.testing.assert_allclose(joined, expected, atol=1e-5)
    classifier.model.save(file)
    np.testing.assert_allclose(load_model(file)(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "blocks"),
    [
        (build_resnet, ["stack0_block0", "stack1_block0"]),
        pytest.param(
            build_mobilenet, ["block_0_0", "block_1_0", "block_1_1", "block_2_0"], marks=MORE
        ),
        pytest.param(build_hgnet, [], marks=MORE),
    ],
)
def test_a_convolutional_network_is_one_graph(build, blocks, tmp_path):
    network = build()
    name = save(network, tmp_path / "preset")
    backbone = build_backbone(name, image_size_px=NATIVE_PX, weights="pretrained")
    images = some_images(NATIVE_PX)
    expected = network(scaled(backbone, images))
    if isinstance(expected, dict):
        expected = expected["stage2"]
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(backbone.model(images), expected, rtol=1e-4, atol=2e-5)
    found = list(backbone.block_by_name)
    assert found[: len(blocks)] == blocks
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1)
    outputs = np.asarray(classifier.model(images))
    for boundary in range(1, len(found)):
        rows = build_trunk(classifier, [boundary])(images)
        joined = build_top(classifier, boundary)(rows)
        np.testing.assert_allclose(joined, outputs, rtol=1e-4, atol=1e-5)
    file = tmp_path / "model.keras"
    classifier.model.save(file)
    np.testing.assert_allclose(load_model(file)(images), outputs, rtol=1e-4, atol=1e-5)

    # BatchNormalization inside other layers stays as it is, too.
    everything = PhaseConfig(unfreeze_blocks="all", epochs=1, learning_rate=1e-3)
    apply_phase(classifier, everything, train_batch_norm=False)
    names = [variable.path for variable in classifier.model.trainable_variables]
    assert not [path for path in names if path.endswith(("gamma", "beta"))]
    if not found:
        phase = PhaseConfig(unfreeze_blocks=1, epochs=1, learning_rate=1e-3)
        with pytest.raises(ArtstyleError, match="is not divided into blocks"):
            check_phases([phase], backbone)
        with pytest.raises(ArtstyleError, match=r"not divided into blocks.*head=pooled"):
            build_depth_features(backbone, blocks=None)
        check_phases([everything], backbone)


def test_positions_of_another_number_of_patches_are_interpolated():
    plane = np.add.outer(np.arange(8.0), 10 * np.arange(8.0)).reshape(64, 1)
    resized = resized_positions(plane, 16).reshape(16, 16)
    # Patches are in the middle between those of the coarser grid.
    np.testing.assert_allclose(np.diff(resized[6:10, 8]), 0.5, atol=1e-5)
    np.testing.assert_allclose(np.diff(resized[8, 6:10]), 5.0, atol=1e-4)


def test_one_phase_trains_the_layers_above_it_and_positions_survive(dinov2, tmp_path):
    backbone = build_backbone(dinov2, image_size_px=OTHER_PX, weights="pretrained")
    features = build_pooled_features(backbone)
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1, features=features)
    images, labels = some_images(OTHER_PX), np.array([0, 1])

    def train(unfreeze_blocks):
        before = [np.array(w) for w in backbone.model.get_weights()]
        phase = PhaseConfig(unfreeze_blocks=unfreeze_blocks, epochs=1, learning_rate=1e-3)
        apply_phase(classifier, phase, train_batch_norm=False)
        model = build_phase_model(classifier, phase)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss)
        model.fit(images, labels, verbose=0)
        after = backbone.model.get_weights()
        pairs = zip(backbone.model.weights, before, after, strict=True)
        return {w.path.split("/")[0] for w, a, b in pairs if not np.array_equal(a, b)}

    assert train(1) == {"layer_2", "layernorm"}
    assert train("all") == {"embeddings", "layer_1", "layer_2", "layernorm"}
    factors = depth_multipliers(classifier, 0.5)
    by_layer = {path.split("/")[0]: factor for path, factor in factors.items()}
    assert by_layer["layernorm"] == 0.5
    assert by_layer["layer_2"] == 0.25
    assert by_layer["layer_1"] == 0.125
    assert by_layer["embeddings"] == 0.0625
    # KerasHub's own layer would resize trained positions to the native size and back.
    file = tmp_path / "model.keras"
    classifier.model.save(file)
    np.testing.assert_allclose(load_model(file)(images), classifier.model(images), atol=1e-6)


def test_grad_cam_and_saved_model(dinov2, tmp_path, monkeypatch):
    import tensorflow as tf

    from artstyle_tf.trunk_cache.frozen_graph import freeze

    backbone = build_backbone(dinov2, image_size_px=NATIVE_PX, weights="pretrained")
    features = build_depth_features(backbone, blocks=["layer_1"])
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1, features=features)
    images = some_images(NATIVE_PX)
    heat = GradCam(classifier.model).heat_maps(images, np.eye(2, dtype=np.float32))
    assert heat.shape == (2, NATIVE_PX, NATIVE_PX)
    assert 0 < heat.max() <= 1
    tf.config.run_functions_eagerly(False)
    expected = np.asarray(classifier.model(images))
    np.testing.assert_allclose(freeze(classifier.model)(images)[0], expected, atol=1e-5)
    classifier.model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded.serve(images), expected, atol=1e-5)


TRAINING = """
data: {images: images, prepared: prepared, preparation_workers: 1, views: null}
model: {image_size_px: 42, head: depths}
training:
  batch_size: 8
  linear_probe: {method: ridge}
  select_epoch_on: validation
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]
"""


def test_a_training_from_the_command_line(
    dinov2, tmp_path, monkeypatch, write_images, figures_without_pixels, capsys
):
    monkeypatch.chdir(tmp_path)
    write_images(Path("images"), {"bold": 10, "fine": 10})
    Path("config.yaml").write_text(TRAINING)
    arguments = ["--config", "config.yaml", "--run-name", "run", f"model.backbone={dinov2}"]
    with figures_without_pixels():
        assert main(arguments, verb="train-direct") == 0, capsys.readouterr().err
    model = load_model(Path("outputs/models/run/model.keras"))
    assert any(isinstance(layer, EncoderLayer) for layer in model.layers)
    assert "weights: pretrained" in Path("outputs/models/run/config.yaml").read_text()


def test_the_digest_of_features_includes_all_files_of_a_preset(tmp_path):
    folder = tmp_path / "preset"
    name = save(build_dinov2(num_layers=1), folder)

    def digest():
        return feature_request(name, "pretrained", "pooled", NATIVE_PX, None).weights_digest()

    first = digest()
    assert digest() == first
    (folder / "README.md").write_text("not a part of the network")
    assert digest() == first
    (folder / "image_converter.json").write_text("{}")
    assert digest() != first


def write_converter(folder, **arguments):
    converter = keras_hub.layers.DINOV2ImageConverter(**arguments)
    converter.save_to_preset(str(folder))


def test_pixels_are_scaled_as_the_preset_says(tmp_path):
    folder = tmp_path / "preset"
    name = save(build_dinov2(num_layers=1), folder)
    images = some_images(NATIVE_PX)
    backbone = build_backbone(name, image_size_px=NATIVE_PX, weights=None)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (images / 255 - mean) / std
    np.testing.assert_allclose(scaled(backbone, images), expected, atol=1e-5)
    write_converter(folder, scale=1 / 127.5, offset=-1.0)
    backbone = build_backbone(name, image_size_px=NATIVE_PX, weights=None)
    np.testing.assert_allclose(scaled(backbone, images), images / 127.5 - 1, atol=1e-5)


def write_safetensors(file, arrays):
    """Write the format of Hugging Face: length of a JSON header, the header, the numbers."""
    header, data = {}, b""
    for name, array in arrays.items():
        content = np.ascontiguousarray(array, "<f2").tobytes()
        place = [len(data), len(data) + len(content)]
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": place}
        data += content
    encoded = json.dumps(header).encode()
    file.write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)


HUGGING_FACE = {
    "model_type": "dinov2",
    "patch_size": 14,
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "mlp_ratio": 2,
    "layerscale_value": 1.0,
    "use_swiglu_ffn": False,
    "hidden_dropout_prob": 0.0,
    "drop_path_rate": 0.0,
    "image_size": 56,
}


@pytest.fixture
def hugging_face(tmp_path):
    """Folder in the layout of Hugging Face with a DINOv2 of one layer."""
    folder = tmp_path / "hugging_face"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(HUGGING_FACE))
    shapes = {
        "embeddings.cls_token": (1, 1, 8),
        "embeddings.mask_token": (1, 8),
        "embeddings.position_embeddings": (1, 17, 8),
        "embeddings.patch_embeddings.projection.weight": (8, 3, 14, 14),
        "embeddings.patch_embeddings.projection.bias": (8,),
        "layernorm.weight": (8,),
        "layernorm.bias": (8,),
        **{f"encoder.layer.0.layer_scale{n}.lambda1": (8,) for n in (1, 2)},
        **{f"encoder.layer.0.norm{n}.{part}": (8,) for n in (1, 2) for part in ("weight", "bias")},
        "encoder.layer.0.mlp.fc1.weight": (16, 8),
        "encoder.layer.0.mlp.fc1.bias": (16,),
        "encoder.layer.0.mlp.fc2.weight": (8, 16),
        "encoder.layer.0.mlp.fc2.bias": (8,),
    }
    for part in ("attention.query", "attention.key", "attention.value", "output.dense"):
        shapes[f"encoder.layer.0.attention.{part}.weight"] = (8, 8)
        shapes[f"encoder.layer.0.attention.{part}.bias"] = (8,)
    generator = np.random.default_rng(0)
    arrays = {name: generator.normal(0, 0.3, shape) for name, shape in shapes.items()}
    write_safetensors(folder / "model.safetensors", arrays)
    return folder


def test_a_folder_in_the_layout_of_hugging_face(hugging_face):
    pytest.importorskip("safetensors")
    (hugging_face / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})
    )
    (hugging_face / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A network\n")
    name = f"hub:{hugging_face}"
    backbone = build_backbone(name, image_size_px=70, weights="pretrained")
    original = keras_hub.models.Backbone.from_preset(str(hugging_face), image_shape=(70, 70, 3))
    images = some_images(70)
    tokens = keras.Model(backbone.model.input, backbone.top_tokens)(images)
    expected = original({"images": images / 127.5 - 1})
    np.testing.assert_allclose(tokens, expected, atol=2e-5)
    assert weights_license(name, "pretrained") == "apache-2.0"
    arrays = {"embeddings.cls_token": np.zeros((1, 1, 4))}
    write_safetensors(hugging_face / "model.safetensors", arrays)
    with pytest.raises(ArtstyleError, match="cannot be loaded by KerasHub"):
        build_backbone(name, image_size_px=70, weights="pretrained")


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("README.md", "---\nlicense: other\nlicense_name: dinov3-license\n---\n", "dinov3-license"),
        ("LICENSE", "\n# MIT License\n\nCopyright", "MIT License"),
        ("README.md", "# No front matter\nlicense: mit\n", "see the preset's page"),
    ],
)
def test_licenses_of_folders(file, text, expected, hugging_face):
    (hugging_face / file).write_text(text)
    assert weights_license(f"hub:{hugging_face}", "pretrained") == expected
    assert weights_license(f"hub:{hugging_face}", None) == "none (random weights)"


def refused(name, weights="pretrained", size_px=None):
    with pytest.raises(ArtstyleError) as error:
        check_backbone(name, weights, size_px)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_names_that_are_no_presets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "did you mean hub:dinov2_small" in refused("hub:dinov2-smal")
    assert "resnet_50_imagenet" in refused("hub:resnet50_imagenet")
    assert "not one of a network for images" in refused("hub:bert_tiny_en_uncased")
    Path("mine").mkdir()
    assert "for the folder write hub:./mine" in refused("hub:mine")


def test_folders_that_are_no_presets(hugging_face):
    name = f"hub:{hugging_face}"
    assert "does not exist" in refused(f"{name}/nowhere")
    config = hugging_face / "config.json"
    text = refused(name, size_px=100)
    assert "a multiple of 14, such as 98 or 112" in text
    (hugging_face / "model.safetensors").unlink()
    assert "no weights that can be read" in refused(name)
    check_backbone(name, None, 112)
    config.write_text(json.dumps({"model_type": "bert"}))
    assert "Received: bert in model.backbone" in refused(name)
    config.write_text(json.dumps({"registered_name": "x", "class_name": "SwinTransformerBackbone"}))
    assert "SwinTransformerBackbone in model.backbone" in refused(name)
    config.write_text("no JSON")
    assert "config.json cannot be read" in refused(name)
    config.unlink()
    assert "config.json cannot be read" in refused(name)


def test_weights_belong_to_the_preset(hugging_face):
    name = f"hub:{hugging_face}"
    assert "model.weights=pretrained" in refused(name, "imagenet")
    assert "name their folder: model.backbone=hub:FOLDER" in refused(name, "my.weights.h5")
    assert "model.weights=pretrained" in refused("compact", "imagenet")
    assert "other weights: pretrained" in refused("vgg_16", "demo")
    check_backbone("compact", "pretrained")


def test_weights_of_another_network_are_refused(tmp_path):
    name = save(build_dinov2(num_layers=1), tmp_path / "one")
    save(build_dinov2(num_layers=1, hidden_dim=8), tmp_path / "other")
    (tmp_path / "other/model.weights.h5").replace(tmp_path / "one/model.weights.h5")
    with pytest.raises(ArtstyleError, match="cannot be loaded by KerasHub") as error:
        build_backbone(name, image_size_px=NATIVE_PX, weights="pretrained")
    assert "\n" not in str(error.value)


def test_a_preset_that_cannot_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    timeouts = []

    def refuse(address, timeout):
        timeouts.append(timeout)
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "create_connection", refuse)
    text = refused("hub:dinov2_small")
    assert timeouts == [3.0]
    assert (
        "fetch the files of https://www.kaggle.com/models/keras/dinov2/keras/dinov2_small" in text
    )
    assert "model.backbone=hub:FOLDER" in text
    # What kagglehub has downloaded completely is used without asking.
    folder = presets.find_preset("hub:dinov2_small").folder
    save(build_dinov2(num_layers=1), folder)
    refused("hub:dinov2_small")
    folder.with_name(f"{folder.name}.complete").touch()
    check_backbone("hub:dinov2_small", "pretrained", NATIVE_PX)
    backbone = build_backbone("hub:dinov2_small", image_size_px=NATIVE_PX, weights="pretrained")
    assert backbone.name == "hub:dinov2_small"
    assert timeouts == [3.0] * 2


def test_keras_hub_is_optional(monkeypatch, dinov2):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = refused(dinov2)
    assert "KerasHub is not installed" in text
    assert "pip install 'artstyle-tf[hub]'" in text
    with pytest.raises(ArtstyleError, match="KerasHub is not installed"):
        EncoderLayer("ViTEncoderBlock", {})


def test_other_backbones_do_not_import_it():
    package = Path(artstyle_tf.__file__).parent
    imports = re.compile(r"^(import|from) keras_hub", re.MULTILINE)
    assert not [file for file in package.rglob("*.py") if imports.search(file.read_text("utf-8"))]
    network = (package / "models/hub/network.py").read_text("utf-8")
    assert re.search(r"^    import keras_hub$", network, re.MULTILINE)
