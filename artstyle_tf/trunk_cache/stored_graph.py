"""A frozen graph in a file: read in a second, where building and tracing its model takes ten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from artstyle_tf.system.content_cache import file_digest
from artstyle_tf.system.files import replaced_atomically, write_json
from artstyle_tf.trunk_cache.frozen_graph import INPUT_NAME, FrozenGraph

_GRAPH, _DESCRIPTION = "graph.pb", "graph.json"
_MOST_BYTES = 2 * 2**30  # the limit of protocol buffers

# A graph may come from another source, and TensorFlow has operations that read files and run code.
# Only these are executed; a network with others is built from its model.
# fmt: off
_PURE_OPERATIONS = frozenset({
    "Abs", "Add", "AddN", "AddV2", "All", "Any", "ArgMax", "AvgPool", "BatchMatMul",
    "BatchMatMulV2", "BatchMatMulV3", "BatchToSpaceND", "BiasAdd", "BroadcastTo", "Cast",
    "ConcatV2", "Const", "Conv2D", "DepthwiseConv2dNative", "Div", "DivNoNan", "Einsum", "Elu",
    "Equal", "Erf", "Erfc", "Exp", "ExpandDims", "Fill", "Floor", "FloorDiv", "FloorMod",
    "FusedBatchNormV3", "GatherV2", "Greater", "GreaterEqual", "Identity", "IdentityN",
    "LeakyRelu", "Less", "LessEqual", "Log", "Log1p", "LogSoftmax", "LogicalAnd", "LogicalNot",
    "LogicalOr", "MatMul", "Max", "MaxPool", "Maximum", "Mean", "Min", "Minimum", "MirrorPad",
    "Mul", "Neg", "NoOp", "NotEqual", "OnesLike", "Pack", "Pad", "PadV2", "PartitionedCall",
    "Placeholder", "Pow", "Prod", "Range", "RealDiv", "Reciprocal", "Relu", "Relu6", "Reshape",
    "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor", "Rsqrt", "Select", "SelectV2",
    "Selu", "Shape", "Sigmoid", "Sign", "Slice", "Softmax", "Softplus", "Softsign",
    "SpaceToBatchND", "Split", "SplitV", "Sqrt", "Square", "SquaredDifference", "Squeeze",
    "StatefulPartitionedCall", "StopGradient", "StridedSlice", "Sub", "Sum", "Tanh", "Tile",
    "Transpose", "Unpack", "ZerosLike",
})
# fmt: on


def write_graph(graph: FrozenGraph, folder: Path, conditions: Mapping[str, Any]) -> bool:
    """Store a graph with what it was made from.

    Args:
        graph: to store.
        folder: created if it does not exist.
        conditions: JSON values; the graph is only read where they are the same.

    Returns:
        Whether it was stored; not if it has operations that would not be executed.

    Raises:
        ArtstyleError: if the folder cannot be written.
    """
    definition = graph.graph_def
    if not _is_pure(definition):
        return False
    with replaced_atomically(folder / _GRAPH) as temporary:
        temporary.write_bytes(definition.SerializeToString())
    description = {
        "digest": file_digest(folder / _GRAPH),
        "tensors": graph.tensor_names,
        "shape": graph.function.inputs[0].shape.as_list(),
        "conditions": dict(conditions),
        "tensorflow": tf.__version__,
    }
    write_json(folder / _DESCRIPTION, description)
    return True


def read_graph(folder: Path, conditions: Mapping[str, Any]) -> FrozenGraph | None:
    """Return the stored graph; None if there is none, or it was made from something else."""
    try:
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        if (
            description["conditions"] != dict(conditions)
            or description["tensorflow"] != tf.__version__
            or (folder / _GRAPH).stat().st_size > _MOST_BYTES
            or file_digest(folder / _GRAPH) != description["digest"]
        ):
            return None
        definition = tf.compat.v1.GraphDef.FromString((folder / _GRAPH).read_bytes())
        return _opened(definition, description) if _is_pure(definition) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DecodeError):
        return None  # damaged: it is made again from the model


def _opened(definition: Any, description: Mapping[str, Any]) -> FrozenGraph:
    tensors = dict(description["tensors"])
    fed, outputs = tensors.pop(INPUT_NAME), list(tensors.values())

    def call(pixels: Any) -> Any:
        return tf.graph_util.import_graph_def(
            definition, {fed: pixels}, return_elements=outputs, name=""
        )

    signature = tf.TensorSpec(description["shape"], tf.float32, name=INPUT_NAME)
    return FrozenGraph(tf.compat.v1.wrap_function(call, [signature]), tuple(tensors))


def _is_pure(definition: Any) -> bool:
    functions = definition.library.function
    nodes = [*definition.node, *(node for function in functions for node in function.node_def)]
    return all(node.op in _PURE_OPERATIONS for node in nodes)
