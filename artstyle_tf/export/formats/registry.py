"""The export formats by name, and the packages each needs; imports nothing heavy."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from typing import NamedTuple

from artstyle_tf.system.errors import ArtstyleError


class FormatEntry(NamedTuple):
    """A format that is imported when first used.

    Attributes:
        place: module and class of its `ExportFormat`; imported by `export_format.load_format`.
        packages: import names of the packages that write and run it.
        is_calibrated: whether writing it takes training images; predict, which has none, cannot
            use such a format.
    """

    place: str
    packages: tuple[str, ...]
    is_calibrated: bool = False


_HERE = "artstyle_tf.export.formats"

FORMATS = {
    "onnx": FormatEntry(f"{_HERE}.onnx_format:OnnxFormat", ("tf2onnx", "onnx", "onnxruntime")),
    "openvino": FormatEntry(f"{_HERE}.openvino_format:OpenVinoFormat", ("openvino",)),
    "openvino_bf16": FormatEntry(f"{_HERE}.openvino_format:OpenVinoBf16Format", ("openvino",)),
    "litert": FormatEntry(f"{_HERE}.litert_format:LiteRtFormat", ("ai_edge_litert",)),
    "litert_int8": FormatEntry(
        f"{_HERE}.litert_format:LiteRtInt8Format", ("ai_edge_litert",), is_calibrated=True
    ),
}
"""In addition to the SavedModel. Settings and help take their names from here."""

RUNTIMES = tuple(name for name, entry in FORMATS.items() if not entry.is_calibrated)
"""Formats that predict can use as a runtime."""


def missing_packages(name: str) -> list[str]:
    """Return the packages of a format that are not installed."""
    return [package for package in FORMATS[name].packages if not _is_installed(package)]


def require_packages(name: str) -> None:
    """Check that a format can be used.

    Raises:
        ArtstyleError: if a package is missing.
    """
    missing = missing_packages(name)
    if missing:
        raise ArtstyleError(
            f"The format {name} needs packages that are not installed",
            received=f"no {', '.join(missing)}",
            fix="pip install 'artstyle-tf[formats]', or leave the format out",
        )


def check_formats(formats: Collection[str]) -> list[str]:
    """Resolve format names, in the order of the table, and check their packages.

    Args:
        formats: names; "all" stands for all.

    Raises:
        ArtstyleError: if a package is missing.
    """
    names = [name for name in FORMATS if name in formats or "all" in formats]
    for name in names:
        require_packages(name)
    return names


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a subpackage
        return False
