"""Images in any format -> clean RGB files in {train,val,test}/<style>/, and a manifest."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.preparation.file_making import FileMaker
from artstyle_tf.images.preparation.folder import claim_folder, one_at_a_time, open_folder
from artstyle_tf.images.preparation.manifest import (
    PreparedImages,
    Row,
    read_prepared,
    without_suffix,
)
from artstyle_tf.images.preparation.trainability import check_trainable
from artstyle_tf.images.preparation.upsampling import plan_children
from artstyle_tf.images.settings import UpsamplingConfig
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

__all__ = ["PreparedImages", "prepare_images", "read_prepared"]

# A file name may have 255 bytes; the rest is reserved for marks, digests and suffixes.
_MAX_NAME_BYTES = 180

# Forbidden on Windows, and + because it marks augmented children here.
_FORBIDDEN_IN_NAMES = re.compile(r'[<>:"|?*\\+\x00-\x1f\x7f]')


def prepare_images(
    images: pd.DataFrame,
    *,
    root: Path,
    destination: Path,
    max_side_px: int | None = None,
    upsampling: UpsamplingConfig | None = None,
    seed: int = 42,
    num_workers: int | None = None,
    to_train: bool = True,
    reporter: Reporter = SILENT,
) -> PreparedImages:
    """Write a clean RGB file for every image, and augmented children for small classes.

    Files that an earlier call, finished or interrupted, created from the same files with the same
    settings are reused; files that no longer belong here are removed; other files are never
    touched.

    Args:
        images: columns path (relative to root), label, split, digest; group if known.
        root: folder of the images.
        destination: folder for the prepared ones; new, empty, or prepared earlier from this root.
        max_side_px: larger images are reduced to this; None keeps all sizes.
        upsampling: children for the classes of the training split, or None for none.
        seed: of the children.
        num_workers: processes; None for one per core.
        to_train: whether a network is to be trained; else no style has to be in each split.
        reporter: where progress and a warning about unreadable images go.

    Returns:
        The prepared images and the rejected ones.

    Raises:
        ArtstyleError: if the destination is not usable, no image can be read, or, to train, a
            class has no readable image in the training or the validation split.
    """
    root, destination = Path(root), Path(destination)
    open_folder(root, destination)
    settings = {
        "max_side_px": max_side_px,
        "upsampling": None if upsampling is None else upsampling.model_dump(),
        "seed": seed,
    }
    with one_at_a_time(destination, reporter):
        claim_folder(root, destination, settings)
        with FileMaker(root, destination, max_side_px, num_workers, reporter) as maker:
            originals, rejected = maker.make(_original_rows(images), "Preparing images")
            if rejected:
                reporter.warn(
                    f"{len(rejected)} of {len(images)} images cannot be used:"
                    f" {_with_reasons(rejected)}."
                )
            if not originals:
                raise ArtstyleError(
                    "None of the images can be used", received=_with_reasons(rejected)
                )
            if to_train:
                check_trainable(images, rejected)
            children: list[Row] = []
            if upsampling is not None:
                planned = _child_rows(originals, upsampling, seed)
                children, failed = maker.make(planned, "Augmenting images")
                if failed:
                    named = _with_reasons(failed)
                    reporter.warn(f"Used, but without some of their augmented copies: {named}.")
            return maker.finish([*originals, *children], rejected)


def _with_reasons(rejected: Mapping[str, str]) -> str:
    return examples(f"{path} ({reason})" for path, reason in sorted(rejected.items()))


def _original_rows(images: pd.DataFrame) -> list[Row]:
    images = images.sort_values("path")
    groups = images["group"] if "group" in images else images["path"]
    names = _prepared_names(zip(images["path"], images["label"], images["split"], strict=True))
    table = pd.DataFrame(
        {
            "path": names,
            "label": images["label"].to_list(),
            "split": images["split"].to_list(),
            "group": groups.to_list(),
            "source": images["path"].to_list(),
            "source_digest": images["digest"].to_list(),
        }
    )
    own = {"parent": "", "policy": "", "seed": None}
    return [{**row, **own} for row in table.to_dict("records")]


def _child_rows(originals: list[Row], upsampling: UpsamplingConfig, seed: int) -> list[Row]:
    training = [row for row in originals if row["split"] == "train"]
    labels = [row["label"] for row in training]
    digests = [row["source_digest"] for row in training]
    rows = []
    for child in plan_children(labels, digests, upsampling=upsampling, seed=seed):
        parent = training[child.parent]
        rows.append(
            {
                # No original's name contains a plus sign.
                "path": f"{without_suffix(parent['path'])}+{child.number:03d}",
                **{key: parent[key] for key in ("label", "split", "group")},
                **{key: parent[key] for key in ("source", "source_digest")},
                "parent": parent["path"],
                "policy": upsampling.policy,
                "seed": child.seed,
            }
        )
    return rows


def _prepared_names(images: Iterable[tuple[str, str, str]]) -> list[str]:
    """Choose a path without suffix for each image; folders below a style become part of the name.

    Two names never differ in upper and lower case or in their suffix alone: file systems and
    readers may not distinguish them. Where two would, all of them get a mark from their path.

    Args:
        images: (path relative to the source root, label, split), each path once.

    Returns:
        "<split>/<label>/<name>" per image: unique, portable, independent of machine and order.
    """
    listed = list(images)
    plain = [f"{split}/{label}/{_flat_name(path)}" for path, label, split in listed]
    names = list(plain)
    mark_length = 8
    while twins := _colliding(names):
        for number in twins:
            mark = hashlib.sha256(listed[number][0].encode()).hexdigest()[:mark_length]
            names[number] = f"{plain[number]}-{mark}"
        mark_length += 8
    return names


def _flat_name(path: str) -> str:
    below_style = path.split("/", 1)[-1]
    stem = below_style.rsplit(".", 1)[0] if "." in below_style.rsplit("/", 1)[-1] else below_style
    # Windows does not allow a name that ends in a dot or a blank.
    name = _FORBIDDEN_IN_NAMES.sub("_", stem.replace("/", "__")).rstrip(". ") or "_"
    if len(name.encode()) > _MAX_NAME_BYTES:
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name.encode()[:_MAX_NAME_BYTES].decode(errors='ignore')}-{mark}"
    return name


def _colliding(names: list[str]) -> list[int]:
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names]
    counts = Counter(folded)
    return [number for number, name in enumerate(folded) if counts[name] > 1]
