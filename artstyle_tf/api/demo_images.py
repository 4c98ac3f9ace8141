"""The demo images, and settings for training the compact network on them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from artstyle_tf.api.image_folder import ImageFolder
from artstyle_tf.system.progress import Reporter

_ARTIST = r"^([^_]+)_"


def demo_images(
    folder: str | os.PathLike[str] = "data/demo/images",
    *,
    images_per_style: int | Mapping[str, int] | None = None,
    group_pattern: str | None = _ARTIST,
    seed: int = 42,
    quiet: bool = False,
    **settings: Any,
) -> ImageFolder:
    """Draw the demo images of `--demo`: eight invented styles by invented artists.

    Args:
        folder: created. If it already has the same images, nothing is drawn.
        images_per_style: number of images of each style, or of selected styles, such as
            `{"Cubism": 20, "photo": 10}`; None for 600 images in eight styles of unequal size.
        group_pattern: by default images of one artist stay in one split; None to split them, as
            `--demo` does.
        seed: another seed gives other images by the same artists.
        quiet: print warnings only, no progress.
        settings: further settings of `ImageFolder`.

    Returns:
        The folder; files are named `<artist>_<title>-<number>.jpg`.

    Raises:
        ArtstyleError: if a style is unknown, or the folder holds anything else.

    Example:
        >>> art.demo_images("data/few", images_per_style=10).table
    """
    from artstyle_tf.demo.demo_set import IMAGES_PER_STYLE, write_demo_set  # OpenCV, NumPy

    if isinstance(images_per_style, int):
        images_per_style = dict.fromkeys(IMAGES_PER_STYLE, images_per_style)
    reporter = Reporter(quiet=quiet)
    write_demo_set(Path(folder), seed=seed, images_per_style=images_per_style, reporter=reporter)
    return ImageFolder(folder, group_pattern=group_pattern, **settings)


def demo_settings(
    kind: Literal["direct", "triplet"] = "direct", *, epochs: int = 4, image_size_px: int = 80
) -> dict[str, Any]:
    """Return the settings of `--demo`: the compact network with its pretrained weights.

    Args:
        kind: of the training.
        epochs: of each phase that trains blocks of the network.
        image_size_px: side of the images that the network sees.

    Returns:
        Keywords, for `train_direct`, `train_triplet`, `tune` and `cross_validate`.

    Example:
        >>> run = art.train_direct(art.demo_images(), **art.demo_settings(epochs=2))
    """
    phases: list[dict[str, Any]] = [
        {"unfreeze_blocks": 0, "epochs": min(2, epochs), "learning_rate": 1e-3},
        {"unfreeze_blocks": 2, "epochs": epochs, "learning_rate": 1e-3},
    ]
    settings: dict[str, Any] = {}
    if kind == "triplet":
        phases = [{**phase, "loss": "batch_all"} for phase in phases]
    else:
        phases.append({"unfreeze_blocks": 4, "epochs": epochs, "learning_rate": 5e-4})
        settings["select_epoch_on"] = "validation"  # as `--demo`: a third of the time
    return {
        **settings,
        "backbone": "compact",
        "weights": "demo",
        "image_size_px": image_size_px,
        "views": {"num_views": 4},
        "phases": phases,
    }
