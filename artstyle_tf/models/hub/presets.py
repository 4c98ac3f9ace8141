"""Find the preset that `model.backbone=hub:...` names, and check it without Keras.

It is the name of a vision preset of KerasHub or a folder: a preset that KerasHub has saved, or the
layout of Hugging Face or timm. All three have a config.json and weights.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from artstyle_tf.models.hub.kinds import KINDS, Kind, kind_of
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.reachability import CONNECTION_TIMEOUT_SECONDS, host_answers

PREFIX = "hub:"

CONFIG_FILE = "config.json"

_KERAS_WEIGHTS = ("model.weights.h5", "model.weights.json")
_SAFE_TENSORS = ("model.safetensors", "model.safetensors.index.json")
_DOWNLOAD_HOST = "www.kaggle.com"
_PUBLISHER = "https://www.kaggle.com/models"
_INSTALL = "pip install 'artstyle-tf[hub]'"
_MAX_CONFIG_BYTES = 2**20


@dataclass(frozen=True)
class Preset:
    """A preset of KerasHub, or a folder that KerasHub can read.

    Attributes:
        name: without "hub:".
        handle: of the publisher, owner/model/framework/variation/version; None for a folder.
    """

    name: str
    handle: str | None = None

    @property
    def folder(self) -> Path:
        """Where its files are, or where KerasHub puts them."""
        if self.handle is None:
            return Path(self.name).expanduser()
        default = Path.home() / ".cache" / "kagglehub"
        return Path(os.environ.get("KAGGLEHUB_CACHE", default)) / "models" / self.handle

    @property
    def source(self) -> str:
        """What `from_preset` of KerasHub takes: the folder if the files are there, or the name."""
        return str(self.folder) if self.handle is None or self.is_here else self.name

    @property
    def is_here(self) -> bool:
        """Whether config and weights are on this machine."""
        return (self.folder / CONFIG_FILE).is_file() and self.has_weights

    @property
    def has_weights(self) -> bool:
        """Whether the folder contains weights in one of the layouts."""
        names = _KERAS_WEIGHTS + _SAFE_TENSORS
        return any((self.folder / name).is_file() and self._is_complete(name) for name in names)

    def _is_complete(self, name: str) -> bool:
        """Return whether a file is no broken download, which kagglehub marks beside the folder."""
        version = self.folder.name
        whole = self.folder.with_name(f"{version}.complete")
        one = self.folder.parent / ".complete" / version / f"{name}.complete"
        return self.handle is None or whole.exists() or one.exists()

    @property
    def page(self) -> str:
        """The page of a named preset."""
        return f"{_PUBLISHER}/{'/'.join((self.handle or '').split('/')[:4])}"

    def config(self) -> Mapping[str, Any]:
        """Read its config.json.

        Raises:
            ArtstyleError: if it is missing or damaged.
        """
        file = self.folder / CONFIG_FILE
        try:
            if file.stat().st_size > _MAX_CONFIG_BYTES:
                raise ValueError("it is too large")
            config = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(config, dict):
                raise TypeError("it is no JSON object")
        except (OSError, ValueError, TypeError) as error:
            raise ArtstyleError(
                f"The preset's {CONFIG_FILE} cannot be read",
                received=f"{file}: {error}",
                expected="a preset of KerasHub, or a folder in the layout of Hugging Face or timm",
            ) from error
        return config

    def files(self) -> list[Path]:
        """Return the files that the network depends on; empty if they are not on this machine."""
        if not self.is_here:
            return []
        kinds = (".json", ".h5", ".safetensors")
        return sorted(f for f in self.folder.iterdir() if f.suffix in kinds and f.is_file())


def is_hub(name: str) -> bool:
    """Return whether the name of a backbone is that of a preset."""
    return name.startswith(PREFIX)


def find_preset(name: str) -> Preset:
    """Return the preset of a name such as "hub:dinov2_small" or "hub:./folder".

    Raises:
        ArtstyleError: if KerasHub is not installed, or has no such preset for images.
    """
    check_keras_hub()
    plain = name.removeprefix(PREFIX)
    if "/" in plain or plain.startswith((".", "~")):
        return Preset(plain)
    known = _vision_presets()
    if plain in known:
        return Preset(plain, known[plain])
    if plain in _presets("*"):
        raise ArtstyleError(
            "The preset is not one of a network for images that can be a backbone",
            received=f"model.backbone={name}",
            expected=f"presets of {', '.join(kind.class_name for kind in KINDS)}",
        )
    close = get_close_matches(plain.lower().replace("-", "_"), known, n=3, cutoff=0.6)
    fix = f"did you mean {' or '.join(PREFIX + one for one in close)}?" if close else None
    if Path(plain).is_dir():
        fix = f"for the folder write {PREFIX}./{plain}"
    raise ArtstyleError(
        "KerasHub has no such preset",
        received=f"model.backbone={name}",
        expected=f"one of its {len(known)} presets for images, such as {PREFIX}dinov2_small, "
        f"or a folder, {PREFIX}./FOLDER",
        fix=fix,
    )


def check_keras_hub() -> None:
    """Raise ArtstyleError if KerasHub is not installed."""
    if importlib.util.find_spec("keras_hub") is None:
        raise ArtstyleError(
            "KerasHub is not installed", received="a network of KerasHub", fix=_INSTALL
        )


def check_preset(name: str, *, with_weights: bool, image_size_px: int | None = None) -> None:
    """Check that a preset can be built.

    Args:
        name: "hub:NAME" or "hub:FOLDER".
        with_weights: whether its weights are wanted, too.
        image_size_px: side of the images; None if it is not known yet.

    Raises:
        ArtstyleError: if there is no such preset, it is not one of a network for images, it is
            incomplete, is neither here nor to be downloaded, or takes images of other sizes.
    """
    preset = find_preset(name)
    if preset.handle is not None and not preset.is_here:
        _check_can_be_downloaded(preset)
        return
    if not preset.folder.is_dir():
        raise ArtstyleError(
            "The preset's folder does not exist",
            received=f"model.backbone={name}",
            expected=f"a folder with {CONFIG_FILE} and weights",
        )
    config = preset.config()
    supported_kind(config, name)
    if image_size_px is not None:
        check_patches(name, patch_size(config), image_size_px)
    if with_weights:
        _check_weights(preset, config)


def supported_kind(config: Mapping[str, Any], name: str) -> Kind:
    """Return the kind of network of a config.json.

    Raises:
        ArtstyleError: if it cannot be a backbone.
    """
    kind, called = kind_of(config)
    if kind is None:
        raise ArtstyleError(
            "The preset is not one of a network for images that can be a backbone",
            received=f"{called} in model.backbone={name}",
            expected=f"one of {', '.join(kind.class_name for kind in KINDS)}",
        )
    return kind


def patch_size(config: Mapping[str, Any]) -> int | None:
    """Return the side of a transformer's patches in pixels; None for other networks."""
    inner = config.get("config", config) if "registered_name" in config else config
    size = inner.get("patch_size")
    if isinstance(size, list | tuple) and size:
        size = size[0]
    return size if isinstance(size, int) and size > 0 else None


def check_patches(name: str, patch_px: int | None, image_size_px: int) -> None:
    """Raise ArtstyleError if the images cannot be divided into patches."""
    if patch_px is None or image_size_px % patch_px == 0:
        return
    below = image_size_px // patch_px * patch_px
    sizes = [str(size) for size in (below, below + patch_px) if size > 0]
    raise ArtstyleError(
        f"The images cannot be divided into the patches of {name}",
        received=f"model.image_size_px={image_size_px}",
        expected=f"a multiple of {patch_px}, such as {' or '.join(sizes)}",
    )


def _check_weights(preset: Preset, config: Mapping[str, Any]) -> None:
    names = _KERAS_WEIGHTS if "registered_name" in config else _SAFE_TENSORS
    if not any((preset.folder / name).is_file() for name in names):
        raise ArtstyleError(
            "The preset's folder contains no weights that can be read",
            received=f"model.backbone={PREFIX}{preset.name}",
            expected=f"{names[0]} beside {CONFIG_FILE}",
            fix="put it there, or start from random weights: model.weights=null",
        )
    if names is _SAFE_TENSORS and importlib.util.find_spec("safetensors") is None:
        raise ArtstyleError(
            "safetensors is not installed",
            received=f"{names[0]} in model.backbone={PREFIX}{preset.name}",
            fix=_INSTALL,
        )


def _check_can_be_downloaded(preset: Preset) -> None:
    if host_answers(_DOWNLOAD_HOST):
        return
    raise ArtstyleError(
        f"The preset {preset.name} is not on this machine and cannot be downloaded "
        f"(no connection to {_DOWNLOAD_HOST} within {CONNECTION_TIMEOUT_SECONDS:g} s)",
        fix=f"fetch the files of {preset.page} where there is a network, put them into a folder, "
        f"and use model.backbone={PREFIX}FOLDER",
    )


def _vision_presets() -> dict[str, str]:
    """Return name -> handle of the presets that can be a backbone."""
    return {name: handle for kind in KINDS for name, handle in _presets(kind.folder).items()}


@cache
def _presets(folder: str) -> dict[str, str]:
    """Return name -> handle of the presets in some folders of KerasHub.

    They are read from its files: importing KerasHub takes seconds.
    """
    spec = importlib.util.find_spec("keras_hub")
    assert spec is not None
    assert spec.submodule_search_locations
    models = Path(next(iter(spec.submodule_search_locations))) / "src" / "models"
    found: dict[str, str] = {}
    for file in sorted(models.glob(f"{folder}/*_presets.py")):
        for presets in runpy.run_path(str(file)).values():
            if isinstance(presets, dict):
                found |= {
                    name: str(preset["kaggle_handle"]).removeprefix("kaggle://")
                    for name, preset in presets.items()
                    if isinstance(preset, dict) and "kaggle_handle" in preset
                }
    return found
