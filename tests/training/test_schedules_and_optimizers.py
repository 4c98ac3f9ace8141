from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from artstyle_tf.models.network import build_classifier
from artstyle_tf.training.optimizers import LayerwiseAdamW, WarmupCosine, depth_multipliers


def rate(schedule, step):
    return float(schedule(step))


def test_warm_up_is_linear_and_the_cosine_ends_at_the_final_value():
    schedule = WarmupCosine(2.0, total_steps=110, warmup_steps=10, final_fraction=0.1)
    assert [rate(schedule, step) for step in (0, 4, 9)] == pytest.approx([0.2, 1.0, 2.0])
    assert rate(schedule, 60) == pytest.approx(2.0 * (0.1 + 0.9 * 0.5))
    assert rate(schedule, 110) == pytest.approx(0.2)
    assert rate(schedule, 1000) == pytest.approx(0.2)


def test_the_cosine_equals_the_formula_at_every_step():
    schedule = WarmupCosine(1.0, total_steps=50, warmup_steps=5)
    for step in range(5, 50):
        expected = (1 + math.cos(math.pi * (step - 5) / 45)) / 2
        assert rate(schedule, step) == pytest.approx(expected, abs=1e-6)


def test_phases_continue_one_curve():
    whole = WarmupCosine(1.0, total_steps=40, warmup_steps=4)
    second = WarmupCosine(1.0, total_steps=40, warmup_steps=4, first_step=15)
    for step in range(25):
        assert rate(second, step) == pytest.approx(rate(whole, step + 15))


def test_no_warm_up_starts_at_the_peak():
    assert rate(WarmupCosine(0.5, total_steps=10), 0) == pytest.approx(0.5)


def test_schedule_and_optimizer_survive_serialization():
    schedule = WarmupCosine(1.0, total_steps=40, warmup_steps=4, first_step=3, final_fraction=0.2)
    optimizer = LayerwiseAdamW(schedule, multipliers={"a/kernel": 0.5}, weight_decay=0.1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert again.multipliers == {"a/kernel": 0.5}
    assert again.get_config() == optimizer.get_config()


def of_constants(step, peak, *, total_steps, warmup_steps, first_step, final_fraction):
    """The formula of `WarmupCosine` with numbers of Python, which a graph makes constants."""
    ops = keras.ops
    step = ops.cast(step, "float32") + first_step
    warmup = (step + 1) / max(warmup_steps, 1)
    progress = ops.clip((step - warmup_steps) / max(total_steps - warmup_steps, 1), 0.0, 1.0)
    cosine = (1 + ops.cos(math.pi * progress)) / 2
    annealed = final_fraction + (1 - final_fraction) * cosine
    return peak * ops.where(step < warmup_steps, warmup, annealed)


@pytest.mark.parametrize("first_step", [0, 20])
@pytest.mark.parametrize("final_fraction", [0.0, 0.01])
@pytest.mark.parametrize(("total_steps", "warmup_steps"), [(63, 6), (434, 43), (217, 0)])
def test_its_variables_give_the_digits_of_constants(
    first_step, final_fraction, total_steps, warmup_steps
):
    import tensorflow as tf

    plan = {
        "total_steps": total_steps,
        "warmup_steps": warmup_steps,
        "first_step": first_step,
        "final_fraction": final_fraction,
    }
    schedule = WarmupCosine(0.00123, **plan)
    variables = tf.function(lambda step: tf.identity(schedule(step)))
    constants = tf.function(lambda step: tf.identity(of_constants(step, 0.00123, **plan)))
    for step in map(tf.constant, range(total_steps)):
        assert float(variables(step)) == float(constants(step))


def test_a_restarted_optimizer_is_a_new_one_also_inside_a_traced_step():
    images = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
    first = WarmupCosine(0.1, total_steps=9, warmup_steps=3)
    second = WarmupCosine(0.02, total_steps=6, warmup_steps=1, final_fraction=0.1)

    def network_with(optimizer):
        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        network.set_weights([np.ones((4, 1)), np.zeros(1)])
        network.compile(optimizer, "mse")
        return network

    def fit(network):
        network.fit(images, np.arange(12.0), batch_size=4, epochs=2, shuffle=False, verbose=0)
        return network.get_weights()

    optimizer = LayerwiseAdamW(first, weight_decay=0.3)
    network = network_with(optimizer)
    initial = network.get_weights()
    fit(network)
    traced = network.train_function
    assert len(optimizer.variables) == 3  # steps and moments: settings are not saved with them
    network.set_weights(initial)
    optimizer.restart(second, 0.01)
    assert optimizer.get_config()["weight_decay"] == 0.01
    again, new = fit(network), fit(network_with(LayerwiseAdamW(second, weight_decay=0.01)))
    assert network.train_function is traced
    for ours, theirs in zip(again, new, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="weight_decay=0"):
        optimizer.restart(second, 0.0)


def two_variables():
    return [
        keras.Variable(np.array([1.0, -2.0, 3.0], "float32"), name=name) for name in ("one", "two")
    ]


def apply_steps(optimizer, variables, steps=5):
    optimizer.build(variables)
    for step in range(steps):
        gradients = [keras.ops.convert_to_tensor([0.3 + step, -0.2, 0.1]) for _ in variables]
        optimizer.apply(gradients, variables)
    return [np.array(variable) for variable in variables]


def test_without_multipliers_it_is_adamw():
    ours = apply_steps(LayerwiseAdamW(0.01, weight_decay=0.1), two_variables())
    theirs = apply_steps(keras.optimizers.AdamW(0.01, weight_decay=0.1), two_variables())
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_in_a_network_of_many_shapes_it_is_adamw():
    images = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype("float32")
    trained = []
    for optimizer in (LayerwiseAdamW, keras.optimizers.AdamW):
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Conv2D(3, 3), keras.layers.Flatten(), keras.layers.Dense(1)]
        network = keras.Sequential([keras.Input((6, 6, 2)), *layers])
        schedule = WarmupCosine(0.01, total_steps=6, warmup_steps=2)
        step = optimizer(schedule, weight_decay=0.1, global_clipnorm=0.5)
        if optimizer is keras.optimizers.AdamW:
            step.exclude_from_weight_decay(var_names=["bias"])
        network.compile(step, "mse")
        network.fit(images, np.arange(8.0), batch_size=8, epochs=5, shuffle=False, verbose=0)
        trained.append(network.get_weights())
    for ours, theirs in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_multiplier_is_that_share_of_the_learning_rate_also_for_the_decay():
    variables = two_variables()
    path = variables[1].path
    optimizer = LayerwiseAdamW(0.01, multipliers={path: 0.25}, weight_decay=0.1)
    first, second = apply_steps(optimizer, variables)
    full = apply_steps(keras.optimizers.AdamW(0.01, weight_decay=0.1), two_variables())[0]
    quarter = apply_steps(keras.optimizers.AdamW(0.0025, weight_decay=0.1), two_variables())[0]
    np.testing.assert_allclose(first, full, rtol=1e-6)
    np.testing.assert_allclose(second, quarter, rtol=1e-6)


@pytest.mark.parametrize("name", ["bias", "gamma", "beta"])
def test_biases_and_normalization_do_not_decay(name):
    variable = keras.Variable(np.ones(3, "float32"), name=name)
    optimizer = LayerwiseAdamW(0.1, weight_decay=0.5)
    optimizer.build([variable])
    optimizer.apply([keras.ops.zeros(3)], [variable])
    np.testing.assert_array_equal(variable, np.ones(3))


def test_multipliers_shrink_with_depth(tiny_backbone):
    classifier = build_classifier(tiny_backbone(), num_classes=3, dropout=0, seed=1)
    multipliers = depth_multipliers(classifier, 0.5)
    assert multipliers["top_conv/kernel"] == 0.5
    assert multipliers["block2b_conv/kernel"] == 0.25
    assert multipliers["block1a_conv/kernel"] == 0.0625
    assert multipliers["stem_conv/kernel"] == 0.03125
    assert "head/kernel" not in multipliers
    paths = {variable.path for variable in classifier.model.trainable_variables}
    assert set(multipliers) >= paths - {"head/kernel", "head/bias"}
    assert depth_multipliers(classifier, 1.0) == {}
