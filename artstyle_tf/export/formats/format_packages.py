"""What each format needs to be installed; asked before anything heavy is imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection

from artstyle_tf.system.errors import ArtstyleError

FORMAT_PACKAGES = {
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "openvino": ("openvino",),
    "openvino_bf16": ("openvino",),
    "litert": ("ai_edge_litert",),
    "litert_int8": ("ai_edge_litert",),
}
"""Name of a format -> packages for writing and running it, by the names of their imports."""


def missing_packages(name: str) -> list[str]:
    """Packages that a format needs and that are not installed."""
    return [package for package in FORMAT_PACKAGES[name] if not _is_installed(package)]


def require_packages(name: str) -> None:
    """Makes sure that a format can be used.

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
    names = [name for name in FORMAT_PACKAGES if name in formats or "all" in formats]
    for name in names:
        require_packages(name)
    return names


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a sub-package
        return False
