"""The losses against naive loops, and cases that the loops do not cover."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from artstyle_tf.losses.distances import DISTANCES, pairwise_distances
from artstyle_tf.losses.settings import METRIC_LOSSES, MetricLossConfig
from artstyle_tf.losses.supervised_contrastive import SupervisedContrastiveLoss
from artstyle_tf.losses.triplet_losses import (
    BatchAllTripletLoss,
    BatchHardTripletLoss,
    BatchLoss,
    HardTripletLoss,
    SemiHardTripletLoss,
    build_metric_loss,
)
from artstyle_tf.training.settings import MetricPhaseConfig

TRIPLET_LOSSES = {
    "semi_hard": SemiHardTripletLoss,
    "batch_hard": BatchHardTripletLoss,
    "batch_all": BatchAllTripletLoss,
    "hard": HardTripletLoss,
}
MARGINS = [0.2, pytest.param(1.0, marks=pytest.mark.reliability), None]

every_loss = pytest.mark.parametrize("name", TRIPLET_LOSSES)
every_margin = pytest.mark.parametrize("margin", MARGINS)
every_distance = pytest.mark.parametrize("distance", DISTANCES)
every_metric_loss = pytest.mark.parametrize("name", METRIC_LOSSES)


def naive_distance(one, other, distance):
    if distance == "cosine":
        return 1 - one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    squared = float(((one - other) ** 2).sum())
    return squared if distance == "squared_l2" else squared**0.5


def naive_loss(name, labels, embeddings, margin, distance):
    """Compute the loss one triplet at a time, in float64."""
    rows = range(len(labels))
    d = [[naive_distance(embeddings[i], embeddings[j], distance) for j in rows] for i in rows]

    def compare(difference):
        return np.log1p(np.exp(difference)) if margin is None else max(0.0, margin + difference)

    losses = []
    for a in rows:
        positives = [p for p in rows if p != a and labels[p] == labels[a]]
        negatives = [n for n in rows if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if name == "batch_hard":
            farthest, nearest = max(d[a][p] for p in positives), min(d[a][n] for n in negatives)
            losses.append(compare(farthest - nearest))
        for p in positives:
            if name == "semi_hard":
                farther = [d[a][n] for n in negatives if d[a][n] > d[a][p]]
                chosen = min(farther) if farther else max(d[a][n] for n in negatives)
                losses.append(compare(d[a][p] - chosen))
            if name == "batch_all":
                losses += [compare(d[a][p] - d[a][n]) for n in negatives]
            if name == "hard":
                losses += [compare(d[a][p] - d[a][n]) for n in negatives if d[a][n] <= d[a][p]]
    if name == "batch_all" and margin is not None:
        losses = [loss for loss in losses if loss > 0]
    return float(np.mean(losses)) if losses else 0.0


def some_batch(size, num_classes, *, seed=0, dimension=5):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, size)
    embeddings = generator.normal(size=(size, dimension))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return labels, embeddings.astype(np.float32)


def value_and_gradient(loss, labels, embeddings):
    embeddings = tf.constant(embeddings, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        value = loss(tf.constant(labels), embeddings)
    gradient = tape.gradient(value, embeddings)
    return float(value), np.zeros(embeddings.shape) if gradient is None else np.asarray(gradient)


@every_loss
@every_margin
@every_distance
@settings(deadline=None, max_examples=8)
@given(size=st.integers(1, 14), num_classes=st.integers(1, 5), seed=st.integers(0, 10_000))
def test_values_are_those_of_naive_loops(name, margin, distance, size, num_classes, seed):
    labels, embeddings = some_batch(size, num_classes, seed=seed)
    expected = naive_loss(name, labels, embeddings.astype(np.float64), margin, distance)
    loss = TRIPLET_LOSSES[name](margin=margin, distance=distance).call(labels, embeddings)
    assert float(loss) == pytest.approx(expected, abs=2e-6)


@every_loss
@pytest.mark.parametrize("margin", [0.3, None])
@every_distance
def test_gradients_are_the_slopes_of_naive_loops(name, margin, distance):
    labels, embeddings = some_batch(9, 3, seed=4)
    embeddings = embeddings * 1.3  # off the sphere, where lengths matter too

    def loss(labels, rows):
        return TRIPLET_LOSSES[name](margin=margin, distance=distance).call(labels, rows)

    _, gradient = value_and_gradient(loss, labels, embeddings)
    exact, step = embeddings.astype(np.float64), 1e-6
    for row, column in np.ndindex(exact.shape):
        ends = []
        for sign in (1, -1):
            moved = exact.copy()
            moved[row, column] += sign * step
            ends.append(naive_loss(name, labels, moved, margin, distance))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert gradient[row, column] == pytest.approx(slope, abs=2e-5)


ODD_BATCHES = {
    "identical rows": ([0, 0, 1, 1, 2], np.ones((5, 4))),
    "rows of zeros": ([0, 0, 1, 1], np.zeros((4, 4))),
    "some zeros": ([0, 0, 1, 1], np.eye(4) * [0, 1, 1, 0]),
    "pairs of identical rows": ([0, 0, 1, 1], np.repeat(np.eye(4)[:2], 2, axis=0)),
    "nearly identical rows": ([0, 0, 1, 1], np.ones((4, 4)) + 1e-7 * np.eye(4)),
    "huge rows": ([0, 0, 1, 1], 1e4 * np.eye(4)),
}


@every_metric_loss
@every_distance
@pytest.mark.parametrize("margin", [0.2, None])
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_value_and_gradient_are_finite_everywhere(name, distance, margin, batch):
    labels, embeddings = ODD_BATCHES[batch]
    loss = build_metric_loss(
        name, MetricLossConfig(margin=margin, distance=distance, temperature=0.1)
    )
    value, gradient = value_and_gradient(loss, labels, embeddings)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@every_metric_loss
@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [0, 1, 2]], ids=["one", "same", "different"])
@pytest.mark.parametrize("margin", [0.2, None])
def test_a_batch_without_a_triplet_has_zero_loss(name, labels, margin):
    if name == "supervised_contrastive" and len(set(labels)) == 1 and len(labels) > 1:
        pytest.skip("it needs no negatives")
    _, embeddings = some_batch(len(labels), 2)
    loss = build_metric_loss(name, MetricLossConfig(margin=margin, distance="l2", temperature=0.1))
    value, gradient = value_and_gradient(loss, labels, embeddings)
    assert value == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


@every_metric_loss
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_rows_does_not_matter(name, seed):
    labels, embeddings = some_batch(12, 3, seed=seed)
    order = np.random.default_rng(seed).permutation(12)
    loss = build_metric_loss(name, MetricLossConfig(margin=0.5, distance="l2", temperature=0.2))
    value, gradient = value_and_gradient(loss, labels, embeddings)
    moved_value, moved_gradient = value_and_gradient(loss, labels[order], embeddings[order])
    assert moved_value == pytest.approx(value, abs=1e-5)
    np.testing.assert_allclose(moved_gradient, gradient[order], atol=1e-5)


@every_loss
def test_classes_farther_apart_than_the_margin_cost_nothing(name):
    labels = np.repeat([0, 1, 2], 3)
    embeddings = np.eye(3, dtype=np.float32)[labels]
    value, gradient = value_and_gradient(
        lambda y, x: TRIPLET_LOSSES[name](margin=1.0).call(y, x), labels, embeddings
    )
    assert value == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


@every_loss
def test_a_collapsed_embedding_costs_the_margin(name):
    """The collapse guard relies on this."""
    labels, embeddings = np.repeat([0, 1], 4), np.ones((8, 3), np.float32)
    assert float(TRIPLET_LOSSES[name](margin=0.25).call(labels, embeddings)) == pytest.approx(0.25)


def test_semi_hard_means_strictly_farther():
    """The positive at 1; negatives at 1, at 1.5 and at 0.2: the one at 1.5 is chosen."""
    embeddings = np.array([[0.0], [1.0], [-1.0], [-1.5], [0.2]], np.float32)
    labels = np.array([0, 0, 1, 2, 3])
    value = float(SemiHardTripletLoss(margin=1.0).call(labels, embeddings))
    # Anchor 0: 1 + 1 - 1.5. Anchor 1: its positive at 1, negatives at 2, 2.5, 0.8: 1 + 1 - 2.
    assert value == pytest.approx((0.5 + 0.0) / 2)


@every_distance
def test_distances_are_symmetric_with_a_diagonal_of_zeros(distance):
    _, embeddings = some_batch(20, 2, dimension=64)
    distances = np.asarray(pairwise_distances(embeddings * 10, distance))
    np.testing.assert_array_equal(np.diagonal(distances), 0.0)
    np.testing.assert_allclose(distances, distances.T, atol=1e-5)
    assert distances.min() >= 0


def test_half_precision_is_computed_in_float32():
    labels, embeddings = some_batch(12, 3)
    full = SemiHardTripletLoss().call(labels, embeddings.astype(np.float16).astype(np.float32))
    half = SemiHardTripletLoss().call(labels, tf.constant(embeddings.astype(np.float16)))
    assert half.dtype == tf.float32
    assert float(half) == float(full)


@every_metric_loss
def test_no_tensor_grows_with_the_cube_of_the_batch(name):
    size, dimension = 64, 4
    loss = build_metric_loss(name, MetricLossConfig(margin=0.2, distance="l2", temperature=0.1))

    @tf.function
    def step(labels, embeddings):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(labels, embeddings)
        return value, tape.gradient(value, embeddings)

    graph = step.get_concrete_function(
        tf.TensorSpec([size], tf.int32), tf.TensorSpec([size, dimension])
    ).graph
    graphs = [graph, *(function.graph for function in graph._functions.values())]
    shapes = [
        output.shape
        for function in graphs
        for operation in function.get_operations()
        for output in operation.outputs
        if output.shape.is_fully_defined()
    ]
    assert max(shape.num_elements() for shape in shapes) <= 2 * size**2


@every_metric_loss
def test_it_is_compiled_trained_with_saved_and_loaded(name, tmp_path):
    labels, embeddings = some_batch(32, 3, dimension=6)
    embeddings += np.eye(6, dtype=np.float32)[labels]  # something to learn
    loss = build_metric_loss(
        name, MetricLossConfig(margin=0.5, distance="squared_l2", temperature=0.3)
    )
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4), keras.layers.UnitNormalization()]
    )
    model.compile(keras.optimizers.Adam(0.05), loss=loss)
    history = model.fit(embeddings, labels, batch_size=16, epochs=8, shuffle=False, verbose=0)
    assert history.history["loss"][-1] < 0.9 * history.history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    assert loaded.loss.get_config() == loss.get_config()
    assert loaded.evaluate(embeddings, labels, verbose=0) == pytest.approx(
        model.evaluate(embeddings, labels, verbose=0)
    )


@every_metric_loss
def test_labels_may_be_a_column(name):
    labels, embeddings = some_batch(10, 3)
    loss = build_metric_loss(name, MetricLossConfig(margin=0.2, distance="l2", temperature=0.1))
    assert float(loss(labels[:, None], embeddings)) == float(loss(labels, embeddings))


@every_metric_loss
def test_weights_of_single_images_are_refused(name):
    labels, embeddings = some_batch(10, 3)
    loss = build_metric_loss(name, MetricLossConfig(margin=0.2, distance="l2", temperature=0.1))
    with pytest.raises(ValueError, match="cannot weigh single"):
        loss(labels, embeddings, sample_weight=np.ones(10))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="margin=-1"):
        SemiHardTripletLoss(-1)
    with pytest.raises(ValueError, match="distance=manhattan"):
        BatchAllTripletLoss(distance="manhattan")
    with pytest.raises(ValueError, match="temperature"):
        SupervisedContrastiveLoss(0)
    with pytest.raises(ValueError, match="name=hardest"):
        build_metric_loss("hardest", MetricLossConfig())


@pytest.mark.parametrize("wrong", [{"margin": -1}, {"distance": "manhattan"}, {"temperature": 0}])
def test_settings_refuse_what_a_loss_would(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        MetricLossConfig(**wrong)


def test_a_config_may_name_the_losses_that_exist_and_no_others():
    for name in METRIC_LOSSES:
        phase = MetricPhaseConfig(unfreeze_blocks=0, epochs=1, learning_rate=0.1, loss=name)
        assert isinstance(build_metric_loss(phase.loss, MetricLossConfig()), BatchLoss)
    with pytest.raises(ValidationError, match="'semi_hard', 'batch_hard'"):
        MetricPhaseConfig(unfreeze_blocks=0, epochs=1, learning_rate=0.1, loss="hardest")
