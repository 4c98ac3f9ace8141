"""LiteRT (TensorFlow Lite), for phones and small devices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from artstyle_tf.export.formats.export_format import Images, RunNetwork, quiet_conversion
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.system.threads import usable_cores
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

# Of `models.style_head` and `models.features`, and the heads.
_LAYERS_IN_FLOAT = ("_moments", "_style", "/features", "/head", "/projection", "/embedding")


class LiteRtFormat:
    """One file, model.tflite, in float32; any batch size, fastest with one image."""

    def write(self, network: FrozenGraph, folder: Path, training_images: Images) -> Path:
        """Write the network into an existing folder; return the file to open."""
        with quiet_conversion():
            content = self._convert(network, training_images)
        file = folder / "model.tflite"
        with replaced_atomically(file) as temporary:
            temporary.write_bytes(content)
        return file

    def open(self, file: Path) -> RunNetwork:
        """Load a written file to run on all cores; outputs are in the network's order."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(file), num_threads=usable_cores())
        interpreter.allocate_tensors()
        pixels = interpreter.get_input_details()[0]["index"]
        # "Identity" or "StatefulPartitionedCall:0" and so on: numbered as in the graph.
        outputs = [
            detail["index"]
            for detail in sorted(interpreter.get_output_details(), key=lambda each: each["name"])
        ]

        one_at_a_time = threading.Lock()

        def run(images: np.ndarray) -> list[np.ndarray]:
            rows = []
            with one_at_a_time:  # an interpreter keeps its input and output
                for image in images:
                    interpreter.set_tensor(pixels, image[None])
                    interpreter.invoke()
                    rows.append([interpreter.get_tensor(output)[0] for output in outputs])
            return [np.stack(column) for column in zip(*rows, strict=True)]

        return run

    def _convert(self, network: FrozenGraph, training_images: Images) -> bytes:
        del training_images
        return _converter(network).convert()


class LiteRtInt8Format(LiteRtFormat):
    """As `LiteRtFormat`, a third of the size: convolutions in 8-bit integers.

    Second-order statistics and later layers stay in float32: 8 bits lose the small eigenvalues
    that distinguish styles, and some traces, which are divisors, become zero.
    """

    def _convert(self, network: FrozenGraph, training_images: Images) -> bytes:
        def examples() -> Iterator[list[np.ndarray]]:
            for image in training_images():
                yield [image[None]]

        converter = _converter(network)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples
        # The converter quantizes everything; only its debugger can exclude layers.
        lite = tf.lite.experimental
        options = lite.QuantizationDebugOptions(denylisted_nodes=_in_float(network))
        debugger = lite.QuantizationDebugger(
            converter=converter, debug_dataset=examples, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def _in_float(network: FrozenGraph) -> list[str]:
    """List operations of the converted network in layers that stay in float32."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=_converter(network).convert())
    names = [str(detail["name"]) for detail in interpreter.get_tensor_details()]
    return [name for name in names if any(layer in name for layer in _LAYERS_IN_FLOAT)]


def _converter(network: FrozenGraph) -> Any:
    return tf.lite.TFLiteConverter.from_concrete_functions([network.function])
