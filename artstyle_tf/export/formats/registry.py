"""The formats of an export by name, and what each needs; nothing heavy is imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from typing import NamedTuple

from artstyle_tf.system.errors import ArtstyleError


class FormatEntry(NamedTuple):
    """A format that is not imported yet.

    Attributes:
        place: module and class of its `ExportFormat`; imported by `export_format.load_format`.
        packages: for writing and running it, by the names of their imports.
        learns_from_images: whether writing it takes training images; predict, which has none, does
            not run the network in such a format.
    """

    place: str
    packages: tuple[str, ...]
    learns_from_images: bool = False


_HERE = "artstyle_tf.export.formats"

FORMATS = {
    "onnx": FormatEntry(f"{_HERE}.onnx_format:OnnxFormat", ("tf2onnx", "onnx", "onnxruntime")),
    "openvino": FormatEntry(f"{_HERE}.openvino_format:OpenVinoFormat", ("openvino",)),
    "openvino_bf16": FormatEntry(f"{_HERE}.openvino_format:OpenVinoBf16Format", ("openvino",)),
    "litert": FormatEntry(f"{_HERE}.litert_format:LiteRtFormat", ("ai_edge_litert",)),
    "litert_int8": FormatEntry(
        f"{_HERE}.litert_format:LiteRtInt8Format", ("ai_edge_litert",), learns_from_images=True
    ),
}
"""Beside the SavedModel, which every export holds. Settings and help take their names from here."""

RUNTIMES = tuple(name for name, entry in FORMATS.items() if not entry.learns_from_images)
"""Formats in which predict can run a network."""


def missing_packages(name: str) -> list[str]:
    """Packages that a format needs and that are not installed."""
    return [package for package in FORMATS[name].packages if not _is_installed(package)]


def require_packages(name: str) -> None:
    """Make sure that a format can be used.

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
    """The formats that are meant, in the order of the table, once their packages are there.

    Args:
        formats: names, among which "all" stands for all.

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
    except ModuleNotFoundError:  # the parent of a sub-package
        return False
