"""A network compiled by OpenVINO, run on batches of any size."""

from __future__ import annotations

import functools
import sys
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np

Precision = Literal["f32", "bf16"]

# Few enough that their activations stay in a core's caches. The number is compiled in: that is a
# tenth faster than a batch of any size.
_IMAGES_AT_A_TIME = 4

# As many callers compute at the same time; the others wait.
_CALLERS = 2


class OpenVinoRunner:
    """A network compiled for this processor.

    Args:
        model: from the `read_model` of `openvino_core`; one input [B, S, S, 3].
        precision: a processor that has no bfloat16 computes in float32.
    """

    def __init__(self, model: Any, *, precision: Precision = "f32") -> None:
        openvino = import_openvino()
        _, *image_shape = model.inputs[0].partial_shape
        model.reshape([_IMAGES_AT_A_TIME, *image_shape])
        # Without a precision it rounds where the processor can: 7e-3 off instead of 1e-6. Several
        # parts of a batch at once keep the cores busier than all cores on one part. Threads
        # are made for the cores this process may use, not for all of the machine.
        compiled = openvino_core().compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        )
        self._row_shapes = [tuple(output.shape)[1:] for output in compiled.outputs]
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(_CALLERS):
            requests = openvino.AsyncInferQueue(compiled)
            requests.set_callback(_keep_rows)
            self._idle.put(requests)

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Compute a batch. If two threads do so, no core waits for the end of a batch.

        Args:
            images: float32 [B, S, S, 3].

        Returns:
            One float32 array [B, ...] for each output of the network.
        """
        requests = self._idle.get()
        try:
            return self._run(images, requests)
        finally:
            self._idle.put(requests)

    def _run(self, images: np.ndarray, requests: Any) -> list[np.ndarray]:
        outputs = [np.empty((len(images), *shape), np.float32) for shape in self._row_shapes]
        for start in range(0, len(images), _IMAGES_AT_A_TIME):
            part = images[start : start + _IMAGES_AT_A_TIME]
            lacking = _IMAGES_AT_A_TIME - len(part)
            if lacking:
                part = np.pad(part, [(0, lacking), (0, 0), (0, 0), (0, 0)])
            requests.start_async({0: part}, (outputs, start))
        requests.wait_all()
        return outputs


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry.

    With the package `openvino_telemetry`, which is installed along with it, every import and
    every conversion is reported over the network without consent, from a forked process. Where
    that package cannot be imported, OpenVINO does without it.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    import openvino  # pyright: ignore[reportMissingImports]

    return openvino


@functools.cache
def openvino_core() -> Any:
    """Return the `openvino.Core` of this process, which is never released.

    With the last Core or compiled network, OpenVINO unloads its CPU plugin. The plugin has given
    the thread that loaded it a stack for signal handlers, and frees that stack in whichever thread
    it is unloaded. Python's handlers run on it, so the next Ctrl-C was a segmentation fault.
    """
    return import_openvino().Core()


def _keep_rows(request: Any, destination: tuple[list[np.ndarray], int]) -> None:
    """Copy the computed rows to their destination, without the padding of a small batch."""
    outputs, start = destination
    for output, tensor in zip(outputs, request.output_tensors, strict=True):
        rows = output[start : start + _IMAGES_AT_A_TIME]
        rows[:] = tensor.data[: len(rows)]
