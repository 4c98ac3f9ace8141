"""Names of backbones and places of their weights, without Keras, so that errors show at once.

A backbone is built in `backbones`, its weights are loaded in `weights`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artstyle_tf.system.errors import ArtstyleError

_EFFICIENTNETS = {f"efficientnet_b{n}": f"EfficientNetB{n}" for n in range(8)}
_EFFICIENTNETS_V2 = {
    f"efficientnet_v2_{size.lower()}": f"EfficientNetV2{size}"
    for size in ("B0", "B1", "B2", "B3", "S", "M", "L")
}

DEMO_BACKBONE = "compact"

BUILDERS: dict[str, str | Callable[..., Any]] = {
    **{
        name: f"keras.applications:{builder}"
        for name, builder in (_EFFICIENTNETS | _EFFICIENTNETS_V2).items()
    },
    DEMO_BACKBONE: "artstyle_tf.models.compact:build_compact_network",
}
"""Name -> the function that builds the network, or where it is, as "module:name"."""

BACKBONE_NAMES = tuple(BUILDERS)

DEMO_WEIGHTS_FILE = Path(__file__).with_name("compact.weights.h5")
"""Pretrained on procedural images by benchmarks/pretrain_compact.py; in half precision."""

_WEIGHTS_HOST = "storage.googleapis.com"
_CONNECTION_TIMEOUT_SECONDS = 3.0


def check_backbone(name: str, weights: str | None) -> None:
    """Check that there is such a backbone, and that its weights are available.

    Args:
        name: one of `BACKBONE_NAMES`.
        weights: "imagenet", "demo", the path of a weights file without top, or None for random
            weights.

    Raises:
        ArtstyleError: if the name is unknown, the file is missing, the backbone has no such
            weights, or ImageNet weights are neither here nor to be downloaded.
    """
    if name not in BUILDERS:
        raise ArtstyleError(
            "The backbone is not known",
            received=f"model.backbone={name}",
            expected=f"one of {', '.join(BACKBONE_NAMES)}",
        )
    if name == DEMO_BACKBONE and weights == "imagenet":
        raise ArtstyleError(
            "There are no ImageNet weights for the compact network",
            received="model.weights=imagenet",
            fix="use its own (model.weights=demo), or choose an EfficientNet",
        )
    if name != DEMO_BACKBONE and weights == "demo":
        raise ArtstyleError(
            "The demo weights belong to the compact network",
            received=f"model.weights=demo with model.backbone={name}",
            fix=f"use model.backbone={DEMO_BACKBONE}, or other weights: imagenet, null, or a path",
        )
    if weights == "imagenet":
        check_imagenet_weights(name)
    elif weights is not None:
        check_weights_file(pretrained_file(name, weights))


def check_weights_file(file: Path) -> None:
    """Raise ArtstyleError if a weights file does not exist; loading checks its content."""
    if not file.is_file():
        raise ArtstyleError(
            "The weights file does not exist",
            received=f"model.weights={file}",
            expected="imagenet, demo, null, or the path of a .h5 or .weights.h5 file",
        )


def check_imagenet_weights(name: str) -> None:
    """Check that the ImageNet weights of a backbone are on this machine or can be downloaded.

    Keras itself would try for minutes; a user without a network should know within seconds.

    Raises:
        ArtstyleError: naming the alternatives.
    """
    file = imagenet_file(name)
    if file.is_file() or _weights_host_answers():
        return
    raise ArtstyleError(
        f"The ImageNet weights of {name} are not on this machine and cannot be downloaded "
        f"(no connection to the Keras weight host within {_CONNECTION_TIMEOUT_SECONDS:g} s)",
        fix=f"(1) put the file {file.name} into {file.parent}, or "
        "(2) give the path of a weights file: model.weights=PATH, or "
        "(3) start from random weights: model.weights=null",
    )


def imagenet_file(name: str) -> Path:
    """Return the path where Keras stores the ImageNet weights of a backbone.

    keras.applications calls its networks "efficientnetb0" and "efficientnetv2-b0".
    """
    network = name.replace("_v2_", "v2-").replace("_", "")
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    return folder / f"{network}_notop.h5"


def pretrained_file(name: str, weights: str) -> Path:
    """Return the file of pretrained weights; `weights` is "imagenet", "demo" or a path."""
    if weights == "imagenet":
        return imagenet_file(name)
    return DEMO_WEIGHTS_FILE if weights == "demo" else Path(weights)


def weights_license(backbone_name: str, weights: str | None) -> str:
    """Return the license of pretrained weights, or why it is not known.

    Args:
        backbone_name: one of `BACKBONE_NAMES`.
        weights: "imagenet", "demo", the path of a weights file without top, or None for random
            weights.
    """
    if weights is None:
        return "none (random weights)"
    if weights == "imagenet" and backbone_name in _EFFICIENTNETS | _EFFICIENTNETS_V2:
        return "Apache-2.0"
    if weights == "demo":
        return "MIT"
    return "unknown (a file of your own)"


def _weights_host_answers() -> bool:
    try:
        socket.create_connection((_WEIGHTS_HOST, 443), _CONNECTION_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True
