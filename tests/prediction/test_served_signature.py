from __future__ import annotations

import pytest

from artstyle_tf.export.served_signature import (
    ServedSignature,
    TensorDescription,
    check_is_ours,
    read_signatures,
    signature_of_json,
    signature_of_proto,
)
from artstyle_tf.system.errors import ArtstyleError


def test_signatures_are_read_from_the_saved_model(export):
    """Compare with the signature that TensorFlow reports for the loaded model."""
    signatures = read_signatures(export.saved_model)
    assert set(signatures) == {"serving_default", "from_pixels"}
    for name, signature in signatures.items():
        loaded = export.loaded.signatures[name]
        expected = {
            output: (tensor.dtype.name, tuple(tensor.shape))
            for output, tensor in loaded.structured_outputs.items()
        }
        assert {k: (v.dtype, v.shape) for k, v in signature.outputs.items()} == expected
        inputs = loaded.structured_input_signature[1].items()
        assert {k: (v.dtype, v.shape) for k, v in signature.inputs.items()} == {
            name: (spec.dtype.name, tuple(spec.shape)) for name, spec in inputs
        }
    size = export.size_px
    assert signatures["from_pixels"].inputs["pixels"].shape == (None, size, size, 3)
    check_is_ours(signatures["serving_default"], "s")


def test_the_json_of_the_rest_api_is_equal():
    from google.protobuf import json_format
    from tensorflow.core.protobuf import meta_graph_pb2

    definition = meta_graph_pb2.SignatureDef()
    for name, dtype, dims in (("a", 1, [-1, 3]), ("b", 7, []), ("c", 10, None), ("d", 9, [5])):
        info = definition.outputs[name]
        info.dtype = dtype
        info.tensor_shape.unknown_rank = dims is None
        for size in dims or []:
            info.tensor_shape.dim.add(size=size)
    expected = ServedSignature(
        {},
        {
            "a": TensorDescription("float32", (None, 3)),
            "b": TensorDescription("string", ()),
            "c": TensorDescription("bool", None),
            "d": TensorDescription("int64", (5,)),
        },
    )
    assert signature_of_proto(definition) == expected
    as_json = json_format.MessageToDict(
        definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert signature_of_json(as_json) == expected
    assert str(expected) == (
        " -> a: float32 [B, 3], b: string [], c: bool of any shape, d: int64 [5]"
    )


@pytest.mark.parametrize("content", [None, b"", b"\xff\xff no protocol buffer"])
def test_a_damaged_saved_model_is_reported(tmp_path, content):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ArtstyleError, match="cannot be read") as caught:
        read_signatures(tmp_path)
    assert "export the run again" in str(caught.value)


STRING = TensorDescription("string", (None,))
FLOATS = TensorDescription("float32", (None, 5))
INPUTS = {"image_bytes": STRING}
OUTPUTS = {
    "label": STRING,
    "probabilities": FLOATS,
    "classes": TensorDescription("string", (None, 5)),
    "confidence": TensorDescription("float32", None),
    "embedding": FLOATS,
}


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({}, OUTPUTS),
        (INPUTS | {"more": STRING}, OUTPUTS),
        ({"image_bytes": FLOATS}, OUTPUTS),
        ({"image_bytes": TensorDescription("string", (1,))}, OUTPUTS),
        (INPUTS, {name: OUTPUTS[name] for name in OUTPUTS if name != "label"}),
        (INPUTS, OUTPUTS | {"label": FLOATS}),
        (INPUTS, OUTPUTS | {"probabilities": STRING}),
        (INPUTS, OUTPUTS | {"accepted": FLOATS}),
        (INPUTS, OUTPUTS | {"neighbor_ids": TensorDescription("string", (None, 5))}),
    ],
)
def test_other_models_are_refused(inputs, outputs):
    check_is_ours(ServedSignature(INPUTS, OUTPUTS), "s")
    with pytest.raises(ArtstyleError, match="at http://s was not exported by this program"):
        check_is_ours(ServedSignature(inputs, outputs), "http://s")
