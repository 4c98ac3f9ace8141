"""What computes the forward passes of a frozen trunk: Keras, or something faster that is exact."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import keras
import numpy as np

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.trunk_cache import settings
from artstyle_tf.trunk_cache.openvino_runner import OpenVinoRunner, import_openvino

RuntimeChoice = Literal["auto", "keras", "openvino"]

CompileTrunk = Callable[[keras.Model], Callable[[np.ndarray], list[np.ndarray]]]
"""Makes a model faster with means of one backend, as `trunk_cache.frozen_graph.freeze` does."""

# Largest difference from Keras, as a share of the largest activation. On EfficientNet-B0 and V2-B0
# OpenVINO in float32 and a frozen graph stay below 2e-6, which is what another order of additions
# makes; OpenVINO in bfloat16 reaches 5e-2, far more than rows lose by being rounded (5e-4).
_LARGEST_DIFFERENCE = 1e-4


class TrunkRuntime(Protocol):
    """Runs a trunk in inference mode."""

    name: str

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Images float32 [B, S, S, 3] -> one float32 array for each output of the trunk."""
        ...


class KerasRuntime:
    """The trunk as Keras computes it.

    Args:
        trunk: images -> activations, at one boundary or several.
    """

    def __init__(self, trunk: keras.Model) -> None:
        self.name = keras.backend.backend()
        self._trunk = trunk

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Images float32 [B, S, S, 3] -> one float32 array for each output of the trunk."""
        outputs = self._trunk.predict_on_batch(images)
        return outputs if isinstance(outputs, list) else [outputs]


class CompiledRuntime:
    """The trunk as the backend's own compiler computes it.

    Args:
        trunk: images -> activations, at one boundary or several.
        compile_trunk: the compiler.
    """

    def __init__(self, trunk: keras.Model, compile_trunk: CompileTrunk) -> None:
        self.name = f"{keras.backend.backend()}-compiled"
        self._compiled = compile_trunk(trunk)

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Images float32 [B, S, S, 3] -> one float32 array for each output of the trunk."""
        return self._compiled(images)


class OpenVinoRuntime:
    """The trunk compiled by OpenVINO for this processor, in float32.

    Args:
        trunk: images -> activations, at one boundary or several.
    """

    name = "openvino-float32"

    def __init__(self, trunk: keras.Model) -> None:
        with tempfile.TemporaryDirectory(prefix="artstyle-") as folder:
            file = Path(folder) / "trunk.xml"
            core = import_openvino().Core()
            trunk.export(str(file), format="openvino", verbose=False)
            model = core.read_model(file)
        _keep_outputs(model, len(trunk.outputs))
        self._runner = OpenVinoRunner(model)

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Images float32 [B, S, S, 3] -> one float32 array for each output of the trunk."""
        return self._runner.run(images)


def open_trunk_runtime(
    trunk: keras.Model,
    choice: RuntimeChoice,
    sample: np.ndarray,
    *,
    compile_trunk: CompileTrunk | None = None,
    reporter: Reporter = SILENT,
) -> TrunkRuntime:
    """Chooses the fastest runtime that computes what Keras computes.

    Args:
        trunk: images -> activations.
        choice: "auto" prefers OpenVINO where it is installed, then `compile_trunk`, then Keras;
            "openvino" and "keras" name one.
        sample: float32 [B, S, S, 3], images to compare the runtimes on.
        compile_trunk: see `CompileTrunk`.
        reporter: told why a runtime is not used although it could be expected; it warns if that
            runtime was asked for by name.

    Raises:
        ArtstyleError: if OpenVINO is asked for and not installed.
    """
    plain = KerasRuntime(trunk)
    has_openvino = importlib.util.find_spec("openvino") is not None
    if choice == "openvino" and not has_openvino:
        raise ArtstyleError(
            "OpenVINO is not installed",
            received="training.trunk_cache.runtime=openvino",
            fix="pip install 'artstyle-tf[openvino]', or training.trunk_cache.runtime=auto",
        )
    wanted = settings.AUTOMATIC_RUNTIMES if choice == "auto" else (choice,)
    candidates: dict[str, Callable[[], TrunkRuntime]] = {}
    if "openvino" in wanted and has_openvino:
        candidates["OpenVINO"] = lambda: OpenVinoRuntime(trunk)
    if "compiled" in wanted and compile_trunk is not None:
        candidates["A compiled graph"] = lambda: CompiledRuntime(trunk, compile_trunk)
    expected = plain.run(sample) if candidates else []
    tell = reporter.warn if choice == "openvino" else reporter.info
    for name, open_candidate in candidates.items():
        try:
            fast = open_candidate()
            difference = _largest_difference(fast.run(sample), expected)
        except Exception as error:  # a converter can fail in many ways, and Keras still works
            tell(f"{name} cannot run the frozen blocks ({_first_line(error)})")
            continue
        if difference <= _LARGEST_DIFFERENCE:
            return fast
        tell(
            f"{name} is not used: it differs from Keras by {difference:.1e} of the largest "
            f"activation (allowed: {_LARGEST_DIFFERENCE:g})"
        )
    return plain


def _keep_outputs(model: Any, num_outputs: int) -> None:
    """Removes the outputs that the conversion adds for TensorFlow's custom gradients.

    They are intermediate results, and computing them prevents all fusion: without them a pass is
    2.5 times as fast. Only the friendly name tells them apart: where the trunk ends in such an
    activation, both results are of the same tensor.
    """
    names = ["Identity:0", *(f"Identity_{number}:0" for number in range(1, num_outputs))]
    for result in model.get_results():
        if result.get_friendly_name() not in names:
            model.remove_result(result)


def _largest_difference(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Over all outputs, as a share of the output's largest expected value; NaN if there is one."""
    tiny = float(np.finfo(np.float32).tiny)  # an output may be all zeros
    shares = [
        float(np.abs(one - other).max()) / max(float(np.abs(other).max()), tiny)
        for one, other in zip(found, expected, strict=True)
    ]
    return float(np.max(shares))  # Python's max passes over a NaN


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
