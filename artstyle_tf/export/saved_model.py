"""A run as a SavedModel, in a folder of versions as TensorFlow Serving watches it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from artstyle_tf.export.serving_signature import ServingModule
from artstyle_tf.export.warm_up import write_warm_up
from artstyle_tf.images.reading.headers.reading import MOST_SIDE_PX
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.system.files import cannot_write, write_json
from artstyle_tf.system.partial_folders import partial_folder
from artstyle_tf.system.visible_text import shown
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

LABELS = "labels.txt"
"""Asset: the class names in the order of the probabilities, one a line, whatever is in a name."""

LIMITS = Path("assets.extra") / "limits.json"
"""What the model refuses, for those who want to know it without asking."""


def write_saved_model(
    run: ServedRun, network: FrozenGraph, versions: Path, *, max_pixels: int
) -> Path:
    """Writes the next version; a server that watches the folder sees it whole or not at all.

    The weights are constants of the graph, the gallery too; nothing outside the folder is needed.

    Args:
        run: what to serve.
        network: `run.network`, frozen.
        versions: folder whose sub-folders are versions 1, 2, ...
        max_pixels: width x height above which the model refuses an image before it decodes it.

    Returns:
        Folder of the new version.

    Raises:
        ArtstyleError: if it cannot be written.
    """
    with _next_version(versions) as (temporary, final):
        labels = temporary.parent / LABELS
        labels.write_text("".join(f"{shown(name)}\n" for name in run.class_names), encoding="utf-8")
        module = ServingModule(run, network, labels, max_pixels=max_pixels)
        # Nobody differentiates a served model, and constants cannot be part of a custom gradient.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(temporary), module.signatures, options)
        write_warm_up(temporary, run.image_size_px)
        write_json(temporary / LIMITS, {"max_pixels": max_pixels, "max_side_px": MOST_SIDE_PX})
    return final


def latest_version(versions: Path) -> Path | None:
    """The newest version in a folder; None if there is none."""
    known = _known_versions(versions)
    return versions / str(max(known)) if known else None


@contextlib.contextmanager
def _next_version(versions: Path) -> Iterator[tuple[Path, Path]]:
    """A place to write to, beside the folder, and where it goes when all went well."""
    final = versions / str(max(_known_versions(versions), default=0) + 1)
    try:
        with partial_folder(versions) as workplace:
            versions.mkdir(exist_ok=True)
            yield workplace / "model", final
            (workplace / "model").rename(final)
    except (OSError, tf.errors.OpError) as error:  # TensorFlow writes with its own file system
        raise cannot_write(final, error) from error


def _known_versions(versions: Path) -> list[int]:
    if not versions.is_dir():
        return []
    return [int(entry.name) for entry in versions.iterdir() if entry.name.isdecimal()]
