"""Outputs of a model for all examples."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from artstyle_tf.training.image_inputs import predict


@pytest.mark.parametrize("count", [1, 4, 6, 8])
def test_a_smaller_last_batch_is_not_traced_again(count):
    traces = []

    class Traced(keras.layers.Layer):
        def call(self, inputs):
            traces.append(inputs.shape)
            return inputs * 2 + 1

    inputs = keras.Input((3,))
    model = keras.Model(inputs, Traced()(inputs))
    traces.clear()
    examples = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((examples, np.arange(count))).batch(4)
    found = predict(model, batches, num_batches=-(-count // 4))
    np.testing.assert_array_equal(found, examples * 2 + 1)
    assert len(traces) == 1
