"""Inputs and outputs of a served model, and the check that this program exported it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle_tf.system.errors import ArtstyleError

SERVING_DEFAULT = "serving_default"
"""The signature that takes contents of image files."""

IMAGE_BYTES = "image_bytes"
"""Its input; TensorFlow Serving accepts base64 for names with this suffix."""

STATUS = "status"
"""Its output with the status of each file; absent in exports of earlier versions."""

OK = "ok"
"""Status of a file with a prediction; any other value is the reason why there is none."""

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class TensorDescription:
    """A named input or output.

    Attributes:
        dtype: "string", "float32", "bool", "int64", ...
        shape: None for a variable size; the first is the batch size. None for any shape.
    """

    dtype: str
    shape: Shape | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} [{', '.join('B' if n is None else str(n) for n in self.shape)}]"


@dataclass(frozen=True)
class ServedSignature:
    """Inputs and outputs by name."""

    inputs: Mapping[str, TensorDescription]
    outputs: Mapping[str, TensorDescription]

    def __str__(self) -> str:
        return f"{_listed(self.inputs)} -> {_listed(self.outputs)}"


_INPUT = TensorDescription("string", (None,))
_REQUIRED = {
    "label": TensorDescription("string", (None,)),
    "probabilities": TensorDescription("float32", (None, None)),
    "classes": TensorDescription("string", (None, None)),
    "confidence": TensorDescription("float32", (None,)),
    "embedding": TensorDescription("float32", (None, None)),
}
_OPTIONAL = {
    "accepted": TensorDescription("bool", (None,)),
    "neighbor_ids": TensorDescription("string", (None, None)),
    "neighbor_distances": TensorDescription("float32", (None, None)),
    STATUS: TensorDescription("string", (None,)),
}
KNOWN_OUTPUTS = {**_REQUIRED, **_OPTIONAL}
"""Outputs of this program's models; others are ignored."""


def check_is_ours(signature: ServedSignature, server: str) -> None:
    """Refuse a model with other inputs or outputs.

    Args:
        signature: `serving_default` of the server's model.
        server: its address, for the message.

    Raises:
        ArtstyleError: if an input or output is missing or of another kind.
    """
    is_ours = (
        set(signature.inputs) == {IMAGE_BYTES}
        and _fits(signature.inputs[IMAGE_BYTES], _INPUT)
        and set(signature.outputs) >= set(_REQUIRED)
        and ("neighbor_ids" in signature.outputs) == ("neighbor_distances" in signature.outputs)
        and all(
            _fits(description, KNOWN_OUTPUTS[name])
            for name, description in signature.outputs.items()
            if name in KNOWN_OUTPUTS
        )
    )
    if not is_ours:
        raise ArtstyleError(
            f"The model at {server} was not exported by this program",
            received=signature,
            expected=str(ServedSignature({IMAGE_BYTES: _INPUT}, _REQUIRED)),
            fix="serve a folder that export_model.py wrote, or give the name of another model",
        )


def read_signatures(saved_model: Path) -> dict[str, ServedSignature]:
    """Read the signatures of a SavedModel by name from its `saved_model.pb`.

    Args:
        saved_model: folder of one version.

    Raises:
        ArtstyleError: if the file is missing or damaged.
    """
    # Imported here: a REST client needs no TensorFlow.
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    file = saved_model / "saved_model.pb"
    try:
        content = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        (graph,) = content.meta_graphs
    except (OSError, DecodeError, ValueError) as error:
        raise ArtstyleError(
            f"The SavedModel {saved_model} cannot be read",
            received=" ".join(str(error).split()),
            fix="export the run again",
        ) from error
    return {
        name: signature_of_proto(definition)
        for name, definition in sorted(graph.signature_def.items())
        if not name.startswith("__")  # TensorFlow's own
    }


def signature_of_proto(definition: Any) -> ServedSignature:
    """Convert a SignatureDef message."""
    from tensorflow.core.framework import types_pb2

    def describe(info: Any) -> TensorDescription:
        dims = (None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
        return TensorDescription(
            _plain_dtype(types_pb2.DataType.Name(info.dtype)),
            None if info.tensor_shape.unknown_rank else tuple(dims),
        )

    return ServedSignature(
        {name: describe(info) for name, info in sorted(definition.inputs.items())},
        {name: describe(info) for name, info in sorted(definition.outputs.items())},
    )


def signature_of_json(definition: Mapping[str, Any]) -> ServedSignature:
    """Convert the JSON of a SignatureDef from TensorFlow Serving's REST API.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, OverflowError: if it is not of that form.
    """

    def describe(info: Mapping[str, Any]) -> TensorDescription:
        shape = info["tensor_shape"]
        sizes = [int(dim["size"]) for dim in shape.get("dim", [])]  # 64 bits are strings in JSON
        return TensorDescription(
            _plain_dtype(info["dtype"]),
            None
            if shape.get("unknown_rank")
            else tuple(None if size < 0 else size for size in sizes),
        )

    return ServedSignature(
        {name: describe(info) for name, info in sorted(definition["inputs"].items())},
        {name: describe(info) for name, info in sorted(definition["outputs"].items())},
    )


def _plain_dtype(name: str) -> str:
    plain = name.removeprefix("DT_").lower()
    return {"half": "float16", "float": "float32", "double": "float64"}.get(plain, plain)


def _fits(found: TensorDescription, expected: TensorDescription) -> bool:
    if found.dtype != expected.dtype:
        return False
    if found.shape is None or expected.shape is None:
        return True
    # A variable batch size; wherever a number is expected, any number fits.
    return len(found.shape) == len(expected.shape) and found.shape[0] is None


def _listed(tensors: Mapping[str, TensorDescription]) -> str:
    return ", ".join(f"{name}: {description}" for name, description in tensors.items())
