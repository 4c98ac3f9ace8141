"""The serving kit of an export: a folder of scripts, example clients and a README."""

from __future__ import annotations

import importlib.resources
import re
import string
from collections.abc import Mapping
from pathlib import Path

from artstyle_tf.export.served_signature import (
    KNOWN_OUTPUTS,
    SERVING_DEFAULT,
    ServedSignature,
    TensorDescription,
    check_is_ours,
    read_signatures,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, read_json, write_text

SERVING_FOLDER = "serving"
"""Next to the folder of the SavedModel's versions."""

SERVING_IMAGE = "tensorflow/serving:2.21.0"
"""Docker image with the minor version of the installed TensorFlow."""

SERVING_USER = "10001:10001"
"""User and group of the server; unused on most machines, and not root."""

SERVING_MEMORY = "4g"
"""Memory limit of the server: libraries, two concurrent batches and four images in decoding."""

SERVING_PROCESSES = 1024
"""Limit of processes and threads; TensorFlow starts several per core."""

_FILES = (
    "README.md",
    "docker-run.sh",
    "compose.yaml",
    "batching_parameters.txt",
    "curl.sh",
    "rest_client.py",
    "grpc_client.py",
)
_LIMITS = Path("assets.extra") / "limits.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOO_LONG_TO_SHOW = {"embedding"}
_MEANINGS = {
    "image_bytes": 'files: JPEG, PNG, GIF, WebP (not animated), BMP (24 bits), or `{"b64": ...}`',
    "pixels": "RGB in 0..255, upright, resized like the training images",
    "label": "most probable class",
    "probabilities": "of the classes",
    "classes": "class names, in the order of the probabilities; the same for every image",
    "confidence": "the largest probability",
    "embedding": "embedding vector of the image, for similarity search",
    "accepted": "whether the confidence reaches the calibrated threshold; false: abstain",
    "neighbor_ids": "nearest training images, nearest first",
    "neighbor_distances": "L2 distances to these images",
    "status": '"ok", or why there is no prediction; then the other outputs are empty or 0',
}


class _Template(string.Template):
    """A template with @@ instead of $, which the shell uses."""

    delimiter = "@@"


def write_serving_instructions(
    export: Path, saved_model: Path, *, model_name: str, differences: str = ""
) -> Path:
    """Write the folder `serving`, with examples for the model's inputs and outputs.

    Args:
        export: folder that holds `saved_model`, the folder of versions.
        saved_model: folder of the version, whose signatures are read.
        model_name: name under which it is served.
        differences: Markdown about differences between raw and prepared files.

    Returns:
        The folder.

    Raises:
        ArtstyleError: if the name cannot be part of a URL, the SavedModel cannot be read or is not
            of this program, or the folder cannot be written.
    """
    check_model_name(model_name)
    signatures = read_signatures(saved_model)
    served = signatures.get(SERVING_DEFAULT, ServedSignature({}, {}))
    check_is_ours(served, str(saved_model))
    values = {
        "model_name": model_name,
        "image": SERVING_IMAGE,
        "user": SERVING_USER,
        "memory": SERVING_MEMORY,
        "processes": str(SERVING_PROCESSES),
        "differences": differences,
        **{name: str(limit) for name, limit in read_json(saved_model / _LIMITS).items()},
        "signatures": _signature_tables(signatures),
        "inputs": _listed(served.inputs),
        "outputs": _listed(served.outputs),
        "shown": _python_list([x for x in _in_order(served.outputs) if x not in _TOO_LONG_TO_SHOW]),
    }
    folder = export / SERVING_FOLDER
    for name in _FILES:
        file = folder / name
        write_text(file, _Template(_template(name)).substitute(values))
        if file.suffix == ".sh":
            _make_executable(file)
    return folder


def check_model_name(model_name: str) -> None:
    """Refuse a name that cannot be used unquoted in a URL, a path and a shell command.

    Raises:
        ArtstyleError: if it is one.
    """
    if not _NAME.fullmatch(model_name):
        raise ArtstyleError(
            "A model cannot be served under this name",
            received=model_name,
            expected="letters, digits, dots, hyphens and underscores, a letter or digit first",
            fix="rename the folder of the run",
        )


def _template(name: str) -> str:
    templates = importlib.resources.files("artstyle_tf.export") / "serving_kit_templates"
    return (templates / f"{name}.template").read_text(encoding="utf-8")


def _make_executable(file: Path) -> None:
    try:
        file.chmod(0o755)
    except OSError as error:
        raise cannot_write(file, error) from error


def _signature_tables(signatures: Mapping[str, ServedSignature]) -> str:
    """Format a Markdown table for each signature, the default one first."""
    first = sorted(signatures, key=lambda name: (name != SERVING_DEFAULT, name))
    return "\n\n".join(_signature_table(name, signatures[name]) for name in first)


def _signature_table(name: str, signature: ServedSignature) -> str:
    lines = [
        f"Signature `{name}`:",
        "",
        "| | name | type and shape | description |",
        "|---|---|---|---|",
    ]
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        lines += [
            f"| {kind} | `{tensor}` | {description} | {_MEANINGS.get(tensor, '')} |"
            for tensor, description in _in_order(tensors).items()
        ]
    return "\n".join(lines)


def _listed(tensors: Mapping[str, TensorDescription]) -> str:
    return "\n".join(
        f"    {name}: {description}" for name, description in _in_order(tensors).items()
    )


def _in_order(tensors: Mapping[str, TensorDescription]) -> dict[str, TensorDescription]:
    """Order tensors for a reader: the known outputs first."""
    known = list(KNOWN_OUTPUTS)
    first = sorted(tensors, key=lambda name: known.index(name) if name in known else len(known))
    return {name: tensors[name] for name in first}


def _python_list(names: list[str]) -> str:
    """Format a Python list with one item per line."""
    return "[\n" + "".join(f'    "{name}",\n' for name in names) + "]"
