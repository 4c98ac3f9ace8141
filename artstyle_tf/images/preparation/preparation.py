"""Images in any format -> clean RGB files in {train,val,test}/<style>/, and a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.preparation.file_making import FileMaker
from artstyle_tf.images.preparation.folder import claim_folder, one_at_a_time, open_folder
from artstyle_tf.images.preparation.journal import Row
from artstyle_tf.images.preparation.manifest import PreparedImages, read_prepared, without_suffix
from artstyle_tf.images.preparation.names import child_name, name_prepared_images
from artstyle_tf.images.preparation.trainability import check_trainable
from artstyle_tf.images.preparation.upsampling import Child, plan_children
from artstyle_tf.images.settings import UpsamplingConfig
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

__all__ = ["PreparedImages", "prepare_images", "read_prepared"]


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
    """Writes a clean RGB file for every image, and augmented children for small classes.

    What an earlier call, finished or interrupted, has made of the same files with the same settings
    is kept; files that no longer belong here are removed; files of others are never touched.

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
            _warn_about_rejected(rejected, len(images), reporter)
            _check_usable(originals, rejected)
            if to_train:
                check_trainable(images, rejected)
            children: list[Row] = []
            if upsampling is not None:
                wanted = _child_rows(originals, upsampling, seed)
                children, not_augmented = maker.make(wanted, "Augmenting images")
                _warn_about_missing_children(not_augmented, reporter)
            return maker.finish([*originals, *children], rejected)


def _original_rows(images: pd.DataFrame) -> list[Row]:
    images = images.sort_values("path")
    groups = images["group"] if "group" in images else images["path"]
    places = list(zip(images["path"], images["label"], images["split"], strict=True))
    names = name_prepared_images(places)
    return [
        _row(name, label, split, group, source=path, source_digest=digest)
        for name, (path, label, split), group, digest in zip(
            names, places, groups, images["digest"], strict=True
        )
    ]


def _child_rows(originals: list[Row], upsampling: UpsamplingConfig, seed: int) -> list[Row]:
    training = [row for row in originals if row["split"] == "train"]
    labels = [row["label"] for row in training]
    digests = [row["source_digest"] for row in training]
    return [
        _child_row(training[child.parent], child, upsampling.policy)
        for child in plan_children(labels, digests, upsampling=upsampling, seed=seed)
    ]


def _child_row(parent: Row, child: Child, policy: str) -> Row:
    inherited = {key: parent[key] for key in ("label", "split", "group", "source", "source_digest")}
    return {
        "path": child_name(without_suffix(parent["path"]), child.number),
        **inherited,
        "parent": parent["path"],
        "policy": policy,
        "seed": child.seed,
    }


def _row(name: str, label: str, split: str, group: str, *, source: str, source_digest: str) -> Row:
    return {
        "path": name,
        "label": label,
        "split": split,
        "group": group,
        "source": source,
        "source_digest": source_digest,
        "parent": "",
        "policy": "",
        "seed": None,
    }


def _warn_about_rejected(rejected: Mapping[str, str], total: int, reporter: Reporter) -> None:
    if rejected:
        reporter.warn(
            f"{len(rejected)} of {total} images cannot be used:"
            f" {examples(f'{path} ({reason})' for path, reason in sorted(rejected.items()))}."
        )


def _warn_about_missing_children(not_augmented: Mapping[str, str], reporter: Reporter) -> None:
    if not_augmented:
        named = examples(f"{path} ({reason})" for path, reason in sorted(not_augmented.items()))
        reporter.warn(f"Used, but without some of their augmented copies: {named}.")


def _check_usable(originals: list[Row], rejected: Mapping[str, str]) -> None:
    if not originals:
        raise ArtstyleError(
            "None of the images can be used",
            received=examples(f"{path} ({reason})" for path, reason in sorted(rejected.items())),
        )
