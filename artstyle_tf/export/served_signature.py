"""What a served model takes and gives, and whether it is one of this program's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle_tf.system.errors import ArtstyleError

SERVING_DEFAULT = "serving_default"
"""The signature that takes files as they come."""

IMAGE_BYTES = "image_bytes"
"""Its input; TensorFlow Serving takes base64 for names that end so."""

STATUS = "status"
"""Its output that says of each file whether it was answered; exports of before it have none."""

OK = "ok"
"""The status of a file that was answered; anything else is the reason why not."""

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class TensorDescription:
    """A named input or output.

    Attributes:
        dtype: "string", "float32", "bool", "int64", ...
        shape: None for what may vary; the first is the number of images. None for anything.
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
_NEEDED = {
    "label": TensorDescription("string", (None,)),
    "probabilities": TensorDescription("float32", (None, None)),
    "classes": TensorDescription("string", (None, None)),
    "confidence": TensorDescription("float32", (None,)),
    "embedding": TensorDescription("float32", (None, None)),
}
_POSSIBLE = {
    "accepted": TensorDescription("bool", (None,)),
    "neighbor_ids": TensorDescription("string", (None, None)),
    "neighbor_distances": TensorDescription("float32", (None, None)),
    STATUS: TensorDescription("string", (None,)),
}
KNOWN_OUTPUTS = {**_NEEDED, **_POSSIBLE}
"""What this program's models say; others are ignored."""


def check_is_ours(signature: ServedSignature, server: str) -> None:
    """Refuse a model that answers other questions.

    Args:
        signature: `serving_default` of the server's model.
        server: its address, for the message.

    Raises:
        ArtstyleError: if an input or output is missing or of another kind.
    """
    is_ours = (
        set(signature.inputs) == {IMAGE_BYTES}
        and _fits(signature.inputs[IMAGE_BYTES], _INPUT)
        and set(signature.outputs) >= set(_NEEDED)
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
            expected=str(ServedSignature({IMAGE_BYTES: _INPUT}, _NEEDED)),
            fix="serve a folder that export_model.py wrote, or give the name of another model",
        )


def read_signatures(saved_model: Path) -> dict[str, ServedSignature]:
    """What a SavedModel offers, by name, read from its `saved_model.pb`.

    Args:
        saved_model: folder of one version.

    Raises:
        ArtstyleError: if the file is missing or damaged.
    """
    # Here, because a client that speaks REST needs no TensorFlow.
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
    """A SignatureDef message -> its description."""
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
    """The same from the JSON that TensorFlow Serving's REST API gives for a SignatureDef.

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


def _fits(found: TensorDescription, wanted: TensorDescription) -> bool:
    if found.dtype != wanted.dtype:
        return False
    if found.shape is None or wanted.shape is None:
        return True
    # Several images at once, and wherever a number is wanted, any number.
    return len(found.shape) == len(wanted.shape) and found.shape[0] is None


def _listed(tensors: Mapping[str, TensorDescription]) -> str:
    return ", ".join(f"{name}: {description}" for name, description in tensors.items())
