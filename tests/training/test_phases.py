from __future__ import annotations

import keras
import numpy as np
import pytest
from some_phases import some_phase

from artstyle_tf.models.features import build_style_features
from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_trunk
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.optimizers import depth_multipliers
from artstyle_tf.training.phases import (
    apply_phase,
    boundary_below,
    build_phase_model,
    check_phases,
    num_epochs,
)


@pytest.fixture
def classifier(tiny_backbone):
    return build_classifier(tiny_backbone(), num_classes=3, dropout=0.0, seed=1)


def images(count=4):
    return np.random.default_rng(0).uniform(0, 255, (count, 16, 16, 3)).astype("float32")


def trainable_layers(classifier):
    return {layer.name for layer in classifier.model.layers if layer.trainable_variables}


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (0, {"head"}),
        (1, {"head", "top_conv", "block2b_conv"}),
        (2, {"head", "top_conv", "block2b_conv", "block2a_conv"}),
        (
            "all",
            {"head", "top_conv", "block2b_conv", "block2a_conv", "block1a_conv", "stem_conv"},
        ),
    ],
)
def test_a_phase_unfreezes_its_blocks_and_no_batch_norm(classifier, blocks, expected):
    apply_phase(classifier, some_phase(blocks, 1, 0.1), train_batch_norm=False)
    assert trainable_layers(classifier) == expected


def test_the_projections_of_style_branches_are_trained_in_every_phase(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a"], width=3)
    styled = build_classifier(backbone, num_classes=3, dropout=0.0, seed=1, features=features)
    for unfrozen, blocks in ((0, set()), (1, {"top_conv", "block2b_conv"})):
        apply_phase(styled, some_phase(unfrozen, 1, 0.1), train_batch_norm=False)
        assert trainable_layers(styled) == {"head", "block1a_style", *blocks}
    factors = depth_multipliers(styled, 0.5)
    assert factors[features.branches[0].pooling.projection.path] == 0.5**4  # as block1a
    assert factors[backbone.model.get_layer("block1a_conv").kernel.path] == 0.5**4


def test_a_later_phase_can_freeze_again(classifier):
    apply_phase(classifier, some_phase("all", 1, 0.1), train_batch_norm=True)
    apply_phase(classifier, some_phase(0, 1, 0.1), train_batch_norm=True)
    assert trainable_layers(classifier) == {"head"}


def test_batch_norm_is_trained_only_when_configured_and_unfrozen(classifier):
    apply_phase(classifier, some_phase(1, 1, 0.1), train_batch_norm=True)
    assert {"block2b_bn", "top_bn"} <= trainable_layers(classifier)
    assert "block2a_bn" not in trainable_layers(classifier)


@pytest.mark.parametrize("blocks", [0, 1, 2, "all"])
def test_the_phase_model_computes_the_classifier(classifier, blocks):
    model = build_phase_model(classifier, some_phase(blocks, 1, 0.1))
    np.testing.assert_allclose(
        model(images(), training=False), classifier.model(images()), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("boundary", "blocks"), [(0, 0), (1, 1), (2, 1), (2, 0)])
def test_the_phase_model_can_start_from_activations(classifier, boundary, blocks):
    activations = build_trunk(classifier, [boundary])(images())
    model = build_phase_model(classifier, some_phase(blocks, 1, 0.1), boundary=boundary)
    np.testing.assert_allclose(
        model(activations, training=False), classifier.model(images()), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("unfrozen", "boundaries"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([2, 1, 0], [2, 2, 2]),  # what the first phase has trained is no constant any more
        ([1, "all", 1], [1, None, None]),
        ([], []),
    ],
)
def test_activations_are_taken_below_all_trained_blocks(unfrozen, boundaries):
    phases = [some_phase(number, 1, 0.1) for number in unfrozen]
    assert [boundary_below(phases, position) for position in range(len(phases))] == boundaries


def test_frozen_blocks_are_not_random_even_in_training(classifier):
    frozen = build_phase_model(classifier, some_phase(0, 1, 0.1))
    first, second = (np.asarray(frozen(images(), training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    unfrozen = build_phase_model(classifier, some_phase(1, 1, 0.1))
    apply_phase(classifier, some_phase(1, 1, 0.1), train_batch_norm=False)
    outputs = [np.asarray(unfrozen(images(), training=True)) for _ in range(8)]
    assert any(not np.array_equal(outputs[0], other) for other in outputs[1:])


def test_training_a_phase_moves_its_blocks_and_nothing_else(classifier):
    phase = some_phase(1, 1, 0.1)
    apply_phase(classifier, phase, train_batch_norm=False)
    before = {w.path: np.array(w) for w in classifier.model.weights}
    model = build_phase_model(classifier, phase)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    model.fit(images(), np.array([0, 1, 2, 0]), epochs=2, verbose=0)
    moved = {w.path for w in classifier.model.weights if not np.array_equal(before[w.path], w)}
    assert moved == {"head/kernel", "head/bias", "top_conv/kernel"} | {
        f"block2b_conv/{name}" for name in ("kernel",)
    }


def test_frozen_statistics_of_batch_norm_stay(classifier):
    for train_batch_norm, stays in ((False, True), (True, False)):
        phase = some_phase("all", 1, 0.1)
        apply_phase(classifier, phase, train_batch_norm=train_batch_norm)
        before = np.array(classifier.model.get_layer("stem_bn").moving_mean)
        model = build_phase_model(classifier, phase)
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(images(), np.array([0, 1, 2, 0]), verbose=0)
        after = np.array(classifier.model.get_layer("stem_bn").moving_mean)
        assert np.array_equal(before, after) is stays


def test_a_plan_that_is_too_deep_is_refused_by_its_key(tiny_backbone):
    with pytest.raises(ArtstyleError, match=r"training\.phases\.1\.unfreeze_blocks=3"):
        check_phases([some_phase(2, 1, 0.1), some_phase(3, 1, 0.1)], tiny_backbone())
    check_phases([some_phase(2, 1, 0.1), some_phase("all", 1, 0.1)], tiny_backbone())


def test_epochs_add_up():
    assert num_epochs([some_phase(0, 2, 0.1), some_phase(1, 3, 0.1)]) == 5
    assert [some_phase(n, 1, 0.1).name for n in ("all", 0, 1, 2)] == [
        "all blocks",
        "head",
        "top 1 block",
        "top 2 blocks",
    ]
