"""A Keras model as a TensorFlow graph of constants, which runs about a quarter faster on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

INPUT_NAME = "pixels"

_COMPILED = "_XlaMustCompile"
"""Attribute of functions that are compiled, and of their calls."""

_COPY_SUFFIX = "_inlined"


@dataclass(frozen=True)
class FrozenGraph:
    """A model with the weights it had when it was frozen.

    Attributes:
        function: TensorFlow function, float32 [B, ...] -> one tensor for each output.
        output_names: names of the outputs, in their order.
    """

    function: Any
    output_names: tuple[str, ...]

    def __call__(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Compute one float32 array for each output from inputs float32 [B, ...]."""
        return [output.numpy() for output in self.function(tf.constant(inputs))]

    @property
    def graph_def(self) -> Any:
        """The graph as a protocol buffer."""
        return self.function.graph.as_graph_def()

    @property
    def tensor_names(self) -> dict[str, str]:
        """Meaning -> name of the tensor in the graph: the input first, then outputs."""
        tensors = [*self.function.inputs, *self.function.outputs]
        names = [INPUT_NAME, *self.output_names]
        return {name: tensor.name for name, tensor in zip(names, tensors, strict=True)}

    def inlined(self) -> FrozenGraph:
        """Return the graph for other runtimes: with the content of functions in place of calls.

        Keras compiles grouped convolutions with XLA, as in ConvNeXt, and no format goes into such
        a function. TensorFlow itself cannot run them otherwise on a CPU: it fuses convolution and
        bias, which it has not implemented for groups. A graph without any is returned as it is.
        """
        graph = self.graph_def
        if not any(_COMPILED in node.attr for node in graph.node):
            return self
        functions = {function.signature.name: function for function in graph.library.function}
        nodes = [*graph.node, *(node for f in functions.values() for node in f.node_def)]
        for function in functions.values():
            function.signature.name += _COPY_SUFFIX  # the process knows functions by their names
            for attribute in (_COMPILED, "_noinline"):
                function.attr.pop(attribute, None)
        for node in nodes:
            node.attr.pop(_COMPILED, None)
            for value in node.attr.values():
                if value.func.name in functions:
                    value.func.name += _COPY_SUFFIX
        inputs, outputs = self.function.inputs[0], [each.name for each in self.function.outputs]

        def call(tensor: Any) -> Any:
            fed = {inputs.name: tensor}
            return tf.graph_util.import_graph_def(graph, fed, return_elements=outputs, name="")

        signature = tf.TensorSpec(inputs.shape, inputs.dtype, name=INPUT_NAME)
        copy = tf.compat.v1.wrap_function(call, [signature])
        return FrozenGraph(convert_variables_to_constants_v2(copy), self.output_names)


def freeze(model: keras.Model, output_names: Sequence[str] | None = None) -> FrozenGraph:
    """Turn variables into constants.

    Then TensorFlow folds BatchNormalization into the convolutions before it and fuses the
    activations after them, which it cannot do with weights that may change.

    Args:
        model: of one input; it runs in inference mode.
        output_names: names of its outputs; None to number them.
    """
    signature = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name=INPUT_NAME)
    function = tf.function(lambda inputs: model(inputs, training=False))
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(signature))
    numbered = [f"output_{number}" for number in range(len(model.outputs))]
    return FrozenGraph(frozen, tuple(output_names or numbered))
