"""Names of backbones and places of their weights, without Keras, so that errors show at once.

A backbone is built in `backbone`, its weights are loaded in `weights`. Each module of the package
`backbones` describes one family of networks.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import socket
from difflib import get_close_matches
from pathlib import Path

from artstyle_tf.models import backbones
from artstyle_tf.models.backbone_family import BlockNames, Family, Member
from artstyle_tf.system.errors import ArtstyleError

DEMO_BACKBONE = "compact"

DEMO_WEIGHTS_FILE = Path(__file__).with_name("compact.weights.h5")
"""Pretrained on procedural images by benchmarks/pretrain_compact.py; in half precision."""

_WEIGHTS_HOST = "storage.googleapis.com"
_CONNECTION_TIMEOUT_SECONDS = 3.0


def _families_by_backbone() -> dict[str, Family]:
    found: dict[str, Family] = {}
    for module in sorted(pkgutil.iter_modules(backbones.__path__), key=lambda m: m.name):
        family: Family = importlib.import_module(f"{backbones.__name__}.{module.name}").FAMILY
        if twice := sorted(found.keys() & family.members.keys()):
            raise ArtstyleError(
                "Two families have a backbone of the same name",
                received=f"{', '.join(twice)} in {module.name}.py and in another file",
                fix="rename one of them in its FAMILY",
            )
        found |= dict.fromkeys(family.members, family)
    return found


FAMILIES = _families_by_backbone()
"""Name of a backbone -> its family."""

BACKBONE_NAMES = tuple(FAMILIES)


def backbone_member(name: str) -> Member:
    """Return what is special about a backbone of the registry."""
    return FAMILIES[name].members[name]


def all_block_names() -> list[BlockNames]:
    """Return how each kind of network names the layers of its blocks, each way once."""
    return list(dict.fromkeys(family.block_names for family in FAMILIES.values()))


def weights_license(name: str, weights: str | None) -> str:
    """Return the license of a backbone's weights, for a table.

    That of published weights is the one that Keras names; ask the publisher before you rely on it.
    """
    if weights is None:
        return "none (random weights)"
    if weights in ("imagenet", "demo"):
        return FAMILIES[name].license
    return "unknown (a file of your own)"


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
    if name not in FAMILIES:
        raise _unknown_backbone(name)
    if weights == "imagenet" and backbone_member(name).weights_file is None:
        raise ArtstyleError(
            f"There are no ImageNet weights for the {name} network",
            received="model.weights=imagenet",
            fix="use its own (model.weights=demo), or choose another backbone",
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


def _unknown_backbone(name: str) -> ArtstyleError:
    plain = name.lower().replace("-", "_")
    close = get_close_matches(plain, BACKBONE_NAMES, n=3, cutoff=0.6)
    # "resnet50" for "resnet_50" and so on
    close = [n for n in BACKBONE_NAMES if n.replace("_", "") == plain.replace("_", "")] or close
    return ArtstyleError(
        "The backbone is not known",
        received=f"model.backbone={name}",
        expected=f"one of {', '.join(BACKBONE_NAMES)}",
        fix=f"did you mean {' or '.join(close)}?" if close else None,
    )


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
    """Return the path where Keras stores the ImageNet weights of a backbone that has some."""
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    file = backbone_member(name).weights_file
    assert file is not None, name
    return folder / file


def pretrained_file(name: str, weights: str) -> Path:
    """Return the file of pretrained weights; `weights` is "imagenet", "demo" or a path."""
    if weights == "imagenet":
        return imagenet_file(name)
    return DEMO_WEIGHTS_FILE if weights == "demo" else Path(weights)


def _weights_host_answers() -> bool:
    try:
        socket.create_connection((_WEIGHTS_HOST, 443), _CONNECTION_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True
