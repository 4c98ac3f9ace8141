"""OpenVINO, the fastest runtime of those tried on Intel and AMD processors."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorflow as tf

from artstyle_tf.export.formats.export_format import Images, RunNetwork, quiet_conversion
from artstyle_tf.trunk_cache.frozen_graph import INPUT_NAME, FrozenGraph
from artstyle_tf.trunk_cache.openvino_runner import (
    OpenVinoRunner,
    Precision,
    import_openvino,
    openvino_core,
)


class OpenVinoFormat:
    """Two files, model.xml and model.bin; input "pixels", any batch size."""

    precision: Precision = "f32"

    def write(self, network: FrozenGraph, folder: Path, training_images: Images) -> Path:
        """Write the network into an existing folder; return the file to open."""
        del training_images
        openvino = import_openvino()
        file = folder / "model.xml"
        with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary, quiet_conversion():
            # Through a SavedModel, which preserves the names of inputs and outputs.
            _save_network(network, temporary)
            model = openvino.convert_model(temporary)
            outputs = {output.get_any_name(): output for output in model.outputs}
            in_order = [outputs[name] for name in network.output_names]
            model = openvino.Model(in_order, model.get_parameters(), "artstyle_tf")
            openvino.save_model(model, file, compress_to_fp16=False)
        return file

    def open(self, file: Path) -> RunNetwork:
        """Load a written file to run on all cores; outputs are in the network's order."""
        model = openvino_core().read_model(file)
        return OpenVinoRunner(model, precision=self.precision).run


class OpenVinoBf16Format(OpenVinoFormat):
    """The same files, run in bfloat16 where the processor supports it."""

    precision: Precision = "bf16"


def _save_network(network: FrozenGraph, folder: str) -> None:
    signature = tf.TensorSpec(network.function.inputs[0].shape, tf.float32, INPUT_NAME)

    @tf.function(input_signature=[signature])
    def from_pixels(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(network.output_names, network.function(pixels), strict=True))

    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(tf.Module(), folder, {"serving_default": from_pixels}, options)
