"""Runtimes for the forward passes of a frozen trunk: Keras, or a faster one that is as exact."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.trunk_cache import settings
from artstyle_tf.trunk_cache.openvino_runner import OpenVinoRunner, openvino_core

RuntimeChoice = Literal["auto", "keras", "openvino"]

CompileTrunk = Callable[[keras.Model], Callable[[np.ndarray], list[np.ndarray]]]
"""Compiles a model with one backend's own means, as `trunk_cache.frozen_graph.freeze` does."""

# Largest difference from Keras, as a fraction of the largest activation. On EfficientNet-B0 and
# V2-B0 OpenVINO in float32 and a frozen graph stay below 2e-6, the effect of another order of
# additions; OpenVINO in bfloat16 reaches 5e-2, far more than rows lose by being rounded (5e-4).
_MAX_DIFFERENCE = 1e-4


class TrunkRuntime(NamedTuple):
    """A trunk in inference mode.

    Attributes:
        name: of the runtime.
        run: images float32 [B, S, S, 3] -> one float32 array for each output of the trunk.
    """

    name: str
    run: Callable[[np.ndarray], list[np.ndarray]]


def keras_runtime(trunk: keras.Model) -> TrunkRuntime:
    """Run the trunk with Keras."""

    def run(images: np.ndarray) -> list[np.ndarray]:
        outputs = trunk.predict_on_batch(images)
        return outputs if isinstance(outputs, list) else [outputs]

    return TrunkRuntime(keras.backend.backend(), run)


def openvino_runtime(trunk: keras.Model) -> TrunkRuntime:
    """Compile the trunk with OpenVINO for this processor, in float32."""
    with tempfile.TemporaryDirectory(prefix="artstyle-") as folder:
        file = Path(folder) / "trunk.xml"
        core = openvino_core()  # before Keras imports OpenVINO, with its telemetry
        trunk.export(str(file), format="openvino", verbose=False)
        model = core.read_model(file)
    _keep_outputs(model, len(trunk.outputs))
    return TrunkRuntime("openvino-float32", OpenVinoRunner(model).run)


def open_trunk_runtime(
    trunk: keras.Model,
    choice: RuntimeChoice,
    sample: np.ndarray,
    *,
    compile_trunk: CompileTrunk | None = None,
    reporter: Reporter = SILENT,
) -> TrunkRuntime:
    """Choose the fastest runtime whose outputs equal those of Keras.

    Args:
        trunk: images -> activations, at one boundary or several.
        choice: "auto" prefers OpenVINO where it is installed, then `compile_trunk`, then Keras;
            "openvino" and "keras" name one.
        sample: float32 [B, S, S, 3], images to compare the runtimes on.
        compile_trunk: see `CompileTrunk`.
        reporter: receives the reason why a runtime is not used although it could be expected, as a
            warning if that runtime was chosen by name.

    Raises:
        ArtstyleError: if OpenVINO is chosen and not installed.
    """
    plain = keras_runtime(trunk)
    has_openvino = importlib.util.find_spec("openvino") is not None
    if choice == "openvino" and not has_openvino:
        raise ArtstyleError(
            "OpenVINO is not installed",
            received="training.trunk_cache.runtime=openvino",
            fix="pip install 'artstyle-tf[openvino]', or training.trunk_cache.runtime=auto",
        )
    names = settings.AUTOMATIC_RUNTIMES if choice == "auto" else (choice,)
    candidates: dict[str, Callable[[], TrunkRuntime]] = {}
    if "openvino" in names and has_openvino:
        candidates["OpenVINO"] = lambda: openvino_runtime(trunk)
    if "compiled" in names and compile_trunk is not None:
        candidates["A compiled graph"] = lambda: TrunkRuntime(
            f"{plain.name}-compiled", compile_trunk(trunk)
        )
    expected = plain.run(sample) if candidates else []
    report = reporter.warn if choice == "openvino" else reporter.info
    for name, open_candidate in candidates.items():
        try:
            fast = open_candidate()
            difference = _largest_difference(fast.run(sample), expected)
        except Exception as error:  # a converter can fail in many ways, and Keras still works
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            report(f"{name} cannot run the frozen blocks ({reason})")
            continue
        if difference <= _MAX_DIFFERENCE:
            return fast
        report(
            f"{name} is not used: it differs from Keras by {difference:.1e} of the largest "
            f"activation (allowed: {_MAX_DIFFERENCE:g})"
        )
    return plain


def _keep_outputs(model: Any, num_outputs: int) -> None:
    """Remove the outputs that the conversion adds for TensorFlow's custom gradients.

    They are intermediate results, and computing them prevents all fusion: without them a pass is
    2.5 times as fast. They differ only in the friendly name: where the trunk ends in such an
    activation, both results are of the same tensor.
    """
    names = ["Identity:0", *(f"Identity_{number}:0" for number in range(1, num_outputs))]
    for result in model.get_results():
        if result.get_friendly_name() not in names:
            model.remove_result(result)


def _largest_difference(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Return the largest difference over all outputs, relative to the output's largest value."""
    tiny = float(np.finfo(np.float32).tiny)  # an output may be all zeros
    ratios = [
        float(np.abs(one - other).max()) / max(float(np.abs(other).max()), tiny)
        for one, other in zip(found, expected, strict=True)
    ]
    return float(np.max(ratios))  # NaN if there is one; Python's max would skip it
