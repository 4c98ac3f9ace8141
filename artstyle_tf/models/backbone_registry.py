"""Names of backbones and places of their weights, without Keras, so that errors show at once.

A backbone is built in `backbone`, its weights are loaded in `weights`. Each module of the package
`backbones` describes one family of networks.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from difflib import get_close_matches
from pathlib import Path

from artstyle_tf.models import backbones
from artstyle_tf.models.backbone_family import BlockNames, Family, Member
from artstyle_tf.models.hub.kinds import KINDS
from artstyle_tf.models.hub.licenses import folder_license
from artstyle_tf.models.hub.presets import PREFIX, check_preset, find_preset, is_hub
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.reachability import CONNECTION_TIMEOUT_SECONDS, host_answers

PRETRAINED = "pretrained"
"""Value of `model.weights`: the published weights of the backbone, whichever they are."""

DEMO_BACKBONE = "compact"

DEMO_WEIGHTS_FILE = Path(__file__).with_name("compact.weights.h5")
"""Pretrained on procedural images by benchmarks/pretrain_compact.py; in half precision."""

_WEIGHTS_HOST = "storage.googleapis.com"


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
    families = [family.block_names for family in FAMILIES.values()]
    hub = [kind.block_names for kind in KINDS if kind.block_names is not None]
    return list(dict.fromkeys(families + hub))


def weights_license(name: str, weights: str | None) -> str:
    """Return the license of a backbone's weights, for a table.

    That of published weights is the one that Keras or the preset's folder names; ask the publisher
    before you rely on it.
    """
    if weights is None:
        return "none (random weights)"
    if is_hub(name):
        return folder_license(find_preset(name).folder)
    if weights in (PRETRAINED, "imagenet", "demo"):
        return FAMILIES[name].license
    return "unknown (your own file)"


def check_backbone(name: str, weights: str | None, image_size_px: int | None = None) -> None:
    """Check that there is such a backbone, and that its weights are available.

    Args:
        name: one of `BACKBONE_NAMES`, or a preset of KerasHub, see `hub.presets`.
        weights: "pretrained", "imagenet", "demo", the path of a weights file without top, or None
            for random weights.
        image_size_px: side of the images; None if it is not known yet.

    Raises:
        ArtstyleError: if the name is unknown, the images have a size that it cannot take, the file
            is missing, the backbone has no such weights, or pretrained weights are neither here
            nor to be downloaded.
    """
    if is_hub(name):
        _check_hub_weights(name, weights)
        check_preset(name, with_weights=weights is not None, image_size_px=image_size_px)
        return
    if name not in FAMILIES:
        raise _unknown_backbone(name)
    least_px = FAMILIES[name].min_image_size_px
    if image_size_px is not None and image_size_px < least_px:
        raise ArtstyleError(
            f"The images are too small for {name}",
            received=f"model.image_size_px={image_size_px}",
            expected=f"at least {least_px}",
        )
    if weights == "imagenet" and backbone_member(name).weights_file is None:
        raise ArtstyleError(
            f"There are no ImageNet weights for the {name} network",
            received="model.weights=imagenet",
            fix=f"use its own (model.weights={PRETRAINED}), or choose another backbone",
        )
    if name != DEMO_BACKBONE and weights == "demo":
        raise ArtstyleError(
            "The demo weights belong to the compact network",
            received=f"model.weights=demo with model.backbone={name}",
            fix=f"use model.backbone={DEMO_BACKBONE}, or other weights: {PRETRAINED}, null, or a "
            "path",
        )
    if weights == PRETRAINED and name != DEMO_BACKBONE and not backbone_member(name).weights_file:
        raise ArtstyleError(
            f"There are no pretrained weights for the {name} network",
            received=f"model.weights={PRETRAINED}",
            fix="use model.weights=null or the path of a weights file",
        )
    weights = published_weights(name, weights)
    if weights == "imagenet":
        check_imagenet_weights(name)
    elif weights is not None:
        check_weights_file(pretrained_file(name, weights))


def published_weights(name: str, weights: str | None) -> str | None:
    """Return "imagenet" or "demo" for "pretrained", and anything else as it is."""
    if weights != PRETRAINED:
        return weights
    return "demo" if name == DEMO_BACKBONE else "imagenet"


def _check_hub_weights(name: str, weights: str | None) -> None:
    if weights in (PRETRAINED, None):
        return
    fix = f"use model.weights={PRETRAINED}, which loads those of the preset, or null"
    if weights not in ("imagenet", "demo"):
        fix += f"; for weights of your own, name their folder: model.backbone={PREFIX}FOLDER"
    raise ArtstyleError(
        "A preset of KerasHub comes with its own weights",
        received=f"model.weights={weights} with model.backbone={name}",
        fix=fix,
    )


def _unknown_backbone(name: str) -> ArtstyleError:
    plain = name.lower().replace("-", "_")
    close = get_close_matches(plain, BACKBONE_NAMES, n=3, cutoff=0.6)
    # "resnet50" for "resnet_50" and so on
    close = [n for n in BACKBONE_NAMES if n.replace("_", "") == plain.replace("_", "")] or close
    return ArtstyleError(
        "The backbone is not known",
        received=f"model.backbone={name}",
        expected=f"one of {', '.join(BACKBONE_NAMES)}, or a preset of KerasHub, {PREFIX}NAME",
        fix=f"did you mean {' or '.join(close)}?" if close else None,
    )


def check_weights_file(file: Path) -> None:
    """Raise ArtstyleError if a weights file does not exist; loading checks its content."""
    if not file.is_file():
        raise ArtstyleError(
            "The weights file does not exist",
            received=f"model.weights={file}",
            expected="pretrained, imagenet, demo, null, or the path of a .h5 or .weights.h5 file",
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
        f"(no connection to the Keras weight host within {CONNECTION_TIMEOUT_SECONDS:g} s)",
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
    """Return the file of weights of a network of the registry; `weights` as in its check."""
    weights = published_weights(name, weights) or ""
    if weights == "imagenet":
        return imagenet_file(name)
    return DEMO_WEIGHTS_FILE if weights == "demo" else Path(weights)


def pretrained_files(name: str, weights: str) -> list[Path]:
    """Return all files that the weights come from; empty if they are not on this machine."""
    if is_hub(name):
        return find_preset(name).files()
    file = pretrained_file(name, weights)
    return [file] if file.is_file() else []


def _weights_host_answers() -> bool:
    return host_answers(_WEIGHTS_HOST)
