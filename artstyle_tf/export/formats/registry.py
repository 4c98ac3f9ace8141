"""The formats by name."""

from __future__ import annotations

from artstyle_tf.export.formats.export_format import ExportFormat
from artstyle_tf.export.formats.litert_format import LiteRtFormat, LiteRtInt8Format
from artstyle_tf.export.formats.onnx_format import OnnxFormat
from artstyle_tf.export.formats.openvino_format import OpenVinoFormat

FORMATS: dict[str, ExportFormat] = {
    form.name: form
    for form in (
        OnnxFormat(),
        OpenVinoFormat("openvino", "f32"),
        OpenVinoFormat("openvino_bf16", "bf16"),
        LiteRtFormat(),
        LiteRtInt8Format(),
    )
}
"""Beside the SavedModel, which every export holds."""
