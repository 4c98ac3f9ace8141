"""Read the images that a run has seen: those it was trained on, or that selected something."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.index.known_images import HashedImages
from artstyle_tf.images.index.near_duplicates import hashes_from_text, perceptual_hashes
from artstyle_tf.runs.gallery import load_run_gallery
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import file_below, prepared_root
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import read_json_if_whole
from artstyle_tf.system.progress import Reporter

LEARNED, SELECTION = "learned", "selection"
USES = (LEARNED, SELECTION)
"""Use of an image: training of weights; or choice of epoch, temperature and threshold."""


@dataclass(frozen=True)
class SeenImages:
    """The K images that a run has seen, without augmented copies.

    Attributes:
        rows: K rows: source (path below the run's image folder), split, use (of `USES`).
        images: their digests and perceptual hashes.
        missing_run: a run whose backbone initialized this one, but which is missing; "" for none.
    """

    rows: pd.DataFrame
    images: HashedImages
    missing_run: str = ""


def read_seen_images(
    run: RunDirectory, trained: TrainingExperiment, reporter: Reporter
) -> SeenImages:
    """Read the images that the run was trained on, or that selected something in it.

    For runs of earlier versions, which store no hashes, those of existing images are computed.
    Training images of an earlier run that initialized the backbone are included.
    """
    seen = _seen_by(run, trained, reporter)
    initial_run = getattr(trained.model, "initial_run", None)
    if initial_run is None:
        return seen
    try:
        earlier = open_run(Path(initial_run))
        before = _seen_by(earlier, read_run_config(earlier), reporter)
    except ArtstyleError:
        return dataclasses.replace(seen, missing_run=str(initial_run))
    if not earlier.first_model_file.is_file():
        # Its validation images have trained its head at most, and no block of the backbone.
        before = only(before, np.flatnonzero(before.rows["split"] == "train"))
    return SeenImages(
        pd.concat([seen.rows, before.rows], ignore_index=True),
        HashedImages(
            np.concatenate([seen.images.digests, before.images.digests]),
            np.concatenate([seen.images.hashes, before.images.hashes]),
            np.concatenate([seen.images.is_usable, before.images.is_usable]),
        ),
    )


def _seen_by(run: RunDirectory, trained: TrainingExperiment, reporter: Reporter) -> SeenImages:
    images = run.read_images()
    images = images[(images["parent"] == "") & images["split"].isin(("train", "val"))]
    rows = images[["source", "source_digest", "split", "path", "digest"]].reset_index(drop=True)
    results = read_json_if_whole(run.metrics_file) or {}
    first_files = (run.first_head_file, run.first_model_file)
    has_refitted = any(file.is_file() for file in first_files) or results.get("refitted") is True
    is_learned = (rows["split"] == "train") | has_refitted
    rows["use"] = np.where(is_learned, LEARNED, SELECTION)
    rows = _with_gallery(rows, run)
    if "perceptual_hash" in images:
        texts = images["perceptual_hash"].tolist()
        texts += [""] * (len(rows) - len(texts))
        hashes, is_usable = stored_hashes(texts, run)
        # An image of one color has no hash, but counts as compared.
        rows["is_hashed"] = rows["path"] != ""
    else:
        hashes, is_usable, rows["is_hashed"] = _hashes_of_files(rows, run, trained, reporter)
    digests = rows["source_digest"].to_numpy(dtype=str)
    return SeenImages(rows, HashedImages(digests, hashes, is_usable))


def _with_gallery(rows: pd.DataFrame, run: RunDirectory) -> pd.DataFrame:
    """Add the images of the gallery: neighbors that vote count as training images."""
    if not run.gallery_file.is_file():
        return rows
    gallery = load_run_gallery(run)
    learned = set(rows.loc[rows["use"] == LEARNED, "source_digest"])
    further = [n for n, digest in enumerate(gallery.ids) if str(digest) not in learned]
    added = pd.DataFrame(
        {
            "source": gallery.paths[further].astype(str),
            "source_digest": gallery.ids[further].astype(str),
            "split": "train",
            "path": "",
            "digest": "",
            "use": LEARNED,
        }
    )
    return pd.concat([rows, added], ignore_index=True) if further else rows


def stored_hashes(texts: list[str], run: RunDirectory) -> tuple[np.ndarray, np.ndarray]:
    """Return hashes of the run's table of images; see `near_duplicates.hashes_from_text`."""
    try:
        return hashes_from_text(texts)
    except ValueError as error:
        raise ArtstyleError(
            f"The run's table of images, {run.images_file}, is damaged",
            received=f"perceptual_hash: {error}",
            fix="train the run again",
        ) from error


def _hashes_of_files(
    rows: pd.DataFrame, run: RunDirectory, trained: TrainingExperiment, reporter: Reporter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute hashes of prepared or else original images, as far as they are unchanged."""
    prepared, images = prepared_root(run, trained), Path(trained.data.images)
    unchanged: list[tuple[Path, str] | None] = []
    for row in rows.itertuples():
        candidates = (
            (prepared, str(row.path), str(row.digest)),
            (images, str(row.source), str(row.source_digest)),
        )
        found = (
            (root / path, digest)
            for root, path, digest in candidates
            if path and file_below(root, path, digest) is not None
        )
        unchanged.append(next(found, None))
    is_here = np.array([found is not None for found in unchanged], dtype=bool)
    here = [found for found in unchanged if found is not None]
    hashes, is_usable = perceptual_hashes(
        [file for file, _ in here], reporter, digests=[digest for _, digest in here]
    )
    all_hashes = np.zeros((len(rows), hashes.shape[1]), dtype=bool)
    all_usable = np.zeros(len(rows), dtype=bool)
    all_hashes[is_here], all_usable[is_here] = hashes, is_usable
    return all_hashes, all_usable, is_here


def only(seen: SeenImages, numbers: np.ndarray) -> SeenImages:
    """Return the images at some positions."""
    images = seen.images
    return SeenImages(
        seen.rows.iloc[numbers].reset_index(drop=True),
        HashedImages(images.digests[numbers], images.hashes[numbers], images.is_usable[numbers]),
    )
