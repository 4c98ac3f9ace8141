"""ONNX, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.export.formats.export_format import Images, RunNetwork, quiet_conversion
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.trunk_cache.frozen_graph import INPUT_NAME, FrozenGraph

_OPSET = 18


class OnnxFormat:
    """One file, model.onnx; input "pixels", any batch size."""

    def write(self, network: FrozenGraph, folder: Path, training_images: Images) -> Path:
        """Write the network into an existing folder; return the file to open."""
        del training_images
        import tf2onnx

        # From the frozen graph: converting the Keras model leaves mean and variance of its
        # Normalization layer as inputs.
        names = network.tensor_names
        with quiet_conversion():
            model, _ = tf2onnx.convert.from_graph_def(
                network.graph_def,
                input_names=[names[INPUT_NAME]],
                output_names=[names[name] for name in network.output_names],
                tensors_to_rename={tensor: name for name, tensor in names.items()},
                opset=_OPSET,
                custom_op_handlers={"Erfc": (_convert_erfc, [])},
            )
        file = folder / "model.onnx"
        with replaced_atomically(file) as temporary:
            temporary.write_bytes(model.SerializeToString())
        return file

    def open(self, file: Path) -> RunNetwork:
        """Load a written file to run on all cores; outputs are in the network's order."""
        import onnxruntime

        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        outputs = [output.name for output in session.get_outputs()]
        return lambda images: session.run(outputs, {INPUT_NAME: images})


def _convert_erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Write erfc(x), which TensorFlow makes of GELU and ONNX does not know, as 1 - erf(x)."""
    del arguments
    one = context.make_const(f"{name}_one", np.array(1, np.float32))
    erf = context.make_node("Erf", [node.input[0]])
    context.remove_node(name)
    context.make_node("Sub", [one.output[0], erf.output[0]], name=name, outputs=node.output)
