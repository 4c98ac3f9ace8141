"""Families of backbones: names, scaling, files, blocks, and cutting at every block."""

from __future__ import annotations

import importlib
import inspect

import keras
import numpy as np
import pytest

from artstyle_tf.models import backbone_registry
from artstyle_tf.models.backbone import build_backbone, wrap_backbone
from artstyle_tf.models.backbone_family import BlockNames, Family, Member
from artstyle_tf.models.backbone_registry import FAMILIES, backbone_member, weights_license
from artstyle_tf.models.block_choice import choose_depths, choose_style_blocks
from artstyle_tf.models.features import build_depth_features, build_style_features
from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_segment, build_top, build_trunk, cut_name
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.phases import apply_phase, build_phase_model
from artstyle_tf.training.settings import PhaseConfig

# The smallest network of each family. The first ones are built fast: one joins its paths in
# operations that are no layers and have no names of their own, the other has no paths to join.
FAST = ("mobilenet_v3_small", "vgg_16")
SLOW = (
    "convnext_tiny",
    "densenet_121",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet_mobile",
    "resnet_50",
    "resnet_v2_50",
    "xception",
)
ONE_OF_EACH = (*FAST, *(pytest.param(name, marks=pytest.mark.reliability) for name in SLOW))

# Modules of keras.applications that scale pixels by a function beside the network.
SCALED_OUTSIDE = {
    "densenet_121": "densenet",
    "mobilenet": "mobilenet",
    "vgg_16": "vgg16",
}


def build(name, **arguments):
    keras.utils.set_random_seed(1)
    size_px = FAMILIES[name].min_image_size_px
    return build_backbone(name, image_size_px=size_px, weights=None, **arguments)


def some_images(backbone, count=2):
    shape = (count, *backbone.model.input_shape[1:])
    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


def test_every_network_of_keras_applications_is_a_backbone():
    functions = {
        f"keras.applications:{name}"
        for name, function in inspect.getmembers(keras.applications, inspect.isfunction)
    }
    registered = {backbone_member(name).builder for name in FAMILIES}
    assert functions == {builder for builder in registered if "applications" in str(builder)}


@pytest.mark.parametrize("name", sorted(SCALED_OUTSIDE))
def test_pixels_are_scaled_inside_the_model_as_keras_scales_them_outside(name):
    model = build(name).model
    pixels = np.random.default_rng(0).uniform(0, 255, (1, *model.input_shape[1:]))
    pixels = pixels.astype(np.float32)
    scaled = keras.Model(model.input, model.get_layer("scaling").output)(pixels)
    module = importlib.import_module(f"keras.applications.{SCALED_OUTSIDE[name]}")
    expected = module.preprocess_input(pixels.copy())
    np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_the_imagenet_file_is_the_one_that_keras_asks_for(name, monkeypatch):
    asked = []

    def get_file(name, *arguments, **options):
        asked.append(name)
        raise InterruptedError

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    builder = getattr(keras.applications, str(backbone_member(name).builder).split(":")[1])
    with pytest.raises(InterruptedError):
        builder(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    assert asked == [backbone_registry.imagenet_file(name).name]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_it_can_be_cut_at_every_block_and_trained_above_one(name, request):
    if name != "convnext_tiny":  # gradients of grouped convolutions exist in graphs only
        request.getfixturevalue("this_one_without_graphs")
    backbone = build(name)
    features = build_style_features(backbone, blocks=None, width=4)
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1, features=features)
    images = some_images(backbone)
    expected = classifier.model(images)
    boundaries = list(reversed(range(len(backbone.blocks))))
    activations = build_trunk(classifier, boundaries)(images)
    rows = build_segment(classifier, None, boundaries[0])(images)
    for number, boundary in enumerate(boundaries):
        np.testing.assert_allclose(rows, activations[number], rtol=1e-4, atol=1e-5)
        if boundary:
            rows = build_segment(classifier, boundary, boundary - 1)(rows)
    np.testing.assert_allclose(build_top(classifier, 0)(rows), expected, rtol=1e-4, atol=1e-5)
    assert len({cut_name(classifier, boundary) for boundary in boundaries}) == len(boundaries)

    phase = PhaseConfig(unfreeze_blocks=1, epochs=1, learning_rate=1e-2)
    apply_phase(classifier, phase, train_batch_norm=False)
    model = build_phase_model(classifier, phase, boundary=1)
    last = backbone.blocks[-1].layer_names
    trained = [layer for layer in backbone.model.layers if layer.trainable and layer.weights]
    assert {layer.name for layer in trained} >= {
        layer.name
        for layer in backbone.model.layers
        if layer.name in last and layer.weights and not is_batch_norm(layer)
    }
    before = [layer.get_weights()[0] for layer in trained]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Gradients of random weights are tiny; Adam without epsilon moves by the learning rate.
    model.compile(keras.optimizers.Adam(1e-2, epsilon=1e-30), loss)
    model.fit(np.asarray(activations[-2]), np.array([0, 1]), verbose=0)
    moved = [
        not np.array_equal(layer.get_weights()[0], weight)
        for layer, weight in zip(trained, before, strict=True)
    ]
    assert any(moved)


def is_batch_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


def skipping_network(*, include_top, weights, input_shape):
    """Build cells that read the two cells before them, as in NASNet."""
    inputs = keras.Input(input_shape)
    before = last = keras.layers.Conv2D(4, 3, strides=2, name="stem")(inputs)
    for number in range(3):
        paths = [keras.layers.Conv2D(4, 1)(tensor) for tensor in (before, last)]
        before, last = last, keras.layers.Add(name=f"cell_{number}")(paths)
    return keras.Model(inputs, keras.layers.ReLU()(last))


def test_all_tensors_cross_where_cells_are_skipped():
    model = skipping_network(include_top=False, weights=None, input_shape=(8, 8, 3))
    backbone = wrap_backbone("skipping", model, BlockNames(r"(cell_\d)$"))
    assert [len(block.crossing) for block in backbone.blocks] == [2, 2, 1]
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1)
    images = some_images(backbone)
    for boundary in (2, 1):
        rows = build_trunk(classifier, [boundary])(images)
        assert rows.shape == (2, 2 * 3 * 3 * 4)
        output = build_top(classifier, boundary)(rows)
        np.testing.assert_allclose(output, classifier.model(images), rtol=1e-5)


def test_layers_without_a_name_belong_to_the_block_that_they_lead_to():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(2, 1, name="stem")(inputs)
    for number in (1, 2):
        side = keras.layers.Conv2D(2, 1)(x)
        x = keras.layers.Conv2D(2, 1, name=f"block{number}_conv")(x) + side
        x = keras.layers.ReLU()(x)
    model = keras.Model(inputs, keras.layers.Dropout(0.5, name="top")(x))
    backbone = wrap_backbone("plain", model, BlockNames(r"(block\d)_"))
    depths = backbone.layer_depths
    assert (depths["stem"], depths["block1_conv"], depths["block2_conv"], depths["top"]) == (
        3,
        2,
        1,
        0,
    )
    sides = [layer.name for layer in model.layers if layer.name.startswith("conv2d")]
    assert [depths[name] for name in sides] == [2, 1]
    assert [block.output.shape for block in backbone.blocks] == [(None, 4, 4, 2)] * 2


def test_default_depths_are_quarters_and_thirds():
    backbone = build("vgg_16")
    assert choose_depths(backbone, None) == ["block2", "block3", "block4"]
    # Narrow blocks end in the lower half, so the ends of the thirds are taken.
    assert choose_style_blocks(backbone, None) == ["block2", "block4", "block5"]
    features = build_depth_features(backbone, blocks=["block4", "block1"])
    assert [(group.depth, group.size) for group in features.groups] == [
        ("top", 512),
        ("block1", 64),
        ("block4", 512),
    ]


def test_the_means_of_blocks_are_what_the_head_reads(tiny_backbone):
    backbone = tiny_backbone()
    features = build_depth_features(backbone, blocks=["block1a", "block2b"])
    classifier = build_classifier(backbone, num_classes=2, dropout=0.0, seed=1, features=features)
    images = some_images(backbone)
    outputs = [
        backbone.model.output,
        *(backbone.block_by_name[b].output for b in ("block1a", "block2b")),
    ]
    maps = keras.Model(backbone.model.input, outputs)(images)
    expected = np.concatenate([np.mean(one, axis=(1, 2)) for one in maps], axis=1)
    read = keras.Model(backbone.model.input, features.tensor)(images)
    np.testing.assert_allclose(read, expected, rtol=1e-5)
    assert cut_name(classifier, 0) == "pooled+block1a_mean+block2b_mean"
    rows = build_trunk(classifier, [0])(images)
    np.testing.assert_allclose(build_top(classifier, 0)(rows), classifier.model(images), rtol=1e-5)


def test_wide_blocks_are_projected_before_their_moments_in_the_same_way_every_time():
    widths = {}
    for number in range(2):
        backbone = build("vgg_16")
        features = build_style_features(backbone, blocks=["block4"], width=4)
        (branch,) = features.branches
        assert branch.statistics.shape == (None, 256 * 257 // 2)
        model = keras.Model(backbone.model.input, branch.statistics)
        kernel = model.get_layer("block4_projected").get_weights()[0][0, 0]
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(256), atol=1e-5)
        assert not model.get_layer("block4_projected").trainable_weights
        widths[number] = kernel
    np.testing.assert_array_equal(widths[0], widths[1])


def test_a_network_without_blocks_says_so(tiny_backbone):
    model = tiny_backbone().model
    backbone = wrap_backbone("plain", keras.models.clone_model(model), BlockNames(r"(stage\d)_"))
    for build_features in (
        lambda: build_depth_features(backbone, blocks=None),
        lambda: build_style_features(backbone, blocks=None, width=4),
    ):
        with pytest.raises(ArtstyleError, match=r"not divided into blocks.*model.head=pooled"):
            build_features()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("resnet50", "did you mean resnet_50?"),
        ("ConvNeXt-Tiny", "did you mean convnext_tiny?"),
        ("eficientnet_b0", "did you mean efficientnet_b0 or"),
    ],
)
def test_a_mistyped_name_is_corrected(typed, meant):
    with pytest.raises(ArtstyleError, match="The backbone is not known") as error:
        backbone_registry.check_backbone(typed, None)
    assert meant in str(error.value)


def test_images_may_be_too_small_for_a_network():
    with pytest.raises(ArtstyleError, match=r"too small for xception.*=64.*at least 71"):
        build_backbone("xception", image_size_px=64, weights=None)


def test_two_families_with_a_backbone_of_one_name_are_refused(monkeypatch):
    other = Family({"vgg_16": Member("x:y")}, BlockNames("(a)"), license="MIT")
    monkeypatch.setattr("artstyle_tf.models.backbones.convnext.FAMILY", other)
    with pytest.raises(ArtstyleError, match=r"same name\. Received: vgg_16 in vgg\.py"):
        backbone_registry._families_by_backbone()


def test_weights_have_a_license():
    assert weights_license("convnext_tiny", "imagenet") == "MIT"
    assert weights_license("vgg_16", None) == "none (random weights)"
    assert weights_license("vgg_16", "vgg.weights.h5") == "unknown (a file of your own)"
