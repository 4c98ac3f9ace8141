"""Find evaluated images that a run has seen during training: their scores are optimistic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.index.known_images import (
    KINDS,
    HashedImages,
    match_known_images,
)
from artstyle_tf.images.index.near_duplicates import perceptual_hashes
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.seen_images import (
    LEARNED,
    SELECTION,
    USES,
    SeenImages,
    only,
    read_seen_images,
    stored_hashes,
)
from artstyle_tf.system.progress import Reporter

TABLE_FILE = "known_images.csv"
_NOTHING_LEFT = (
    "no image is left to evaluate the run on: the scores only show how well it remembers its "
    "training images."
)
COLUMNS = ("path", "label", "kind", "known_image", "known_split", "use", "different_bits")


@dataclass(frozen=True)
class KnownImages:
    """Which of N evaluated images a run has seen.

    Attributes:
        table: one row per known image, with the columns `COLUMNS`.
        is_known: bool [N].
        num_compared: number of the run's images that could be compared by perceptual hash.
        num_seen: number of the run's images.
        missing_run: a run whose network initialized this one, but which is missing; "" for none.
    """

    table: pd.DataFrame
    is_known: np.ndarray
    num_compared: int
    num_seen: int
    missing_run: str = ""

    @property
    def num_left(self) -> int:
        """Number of images that are new to the run."""
        return int((~self.is_known).sum())

    def counts(self, table: Path | None) -> dict[str, Any]:
        """Return counts as JSON values; `table` is the file of the table."""
        kinds = _counts(self.table["kind"], KINDS)
        return {
            "num_images": len(self.table),
            "num_new": self.num_left,
            "table": None if table is None else str(table),
            "uses": _counts(self.table["use"], USES),
            "kinds": {kind.replace(" ", "_"): count for kind, count in kinds.items()},
            "splits": _counts(self.table["known_split"], ("train", "val")),
            "num_compared": self.num_compared,
            "num_seen": self.num_seen,
        }

    def warnings(self) -> list[str]:
        """Return warnings for the reader of the scores."""
        found = []
        if len(self.table):
            uses = _counts(self.table["use"], USES)
            parts = {
                LEARNED: "was trained on {}",
                SELECTION: "has chosen its epoch, temperature or threshold on {}",
            }
            what = " and ".join(parts[use].format(uses[use]) for use in USES if uses[use])
            kinds = _in_words(_counts(self.table["kind"], KINDS))
            end = "." if self.num_left else f", and {_NOTHING_LEFT}"
            found.append(
                f"The run {what} of these {len(self.is_known)} images ({kinds}); scores on them "
                f"are too high{end}"
            )
        if self.num_compared < self.num_seen:
            which = "none" if self.num_compared == 0 else f"only {self.num_compared}"
            found.append(
                f"Copies with another size, format or orientation could be searched among "
                f"{which} of the {self.num_seen} images that the run has seen, because it stores "
                "no perceptual hashes and its other images are missing; identical files are found."
            )
        if self.missing_run:
            found.append(
                f"The run was initialized with the network of {self.missing_run}, which is "
                "missing: the training images of that run cannot be recognized."
            )
        return found


def find_known_images(
    run: RunDirectory,
    trained: TrainingExperiment,
    evaluated: PreparedImages,
    reporter: Reporter,
    *,
    own_split: str | None = None,
) -> KnownImages:
    """Find the evaluated images that the run has seen, or copies of images it has seen.

    Args:
        run: its directory.
        trained: its config.
        evaluated: N prepared images, one per row of the manifest.
        reporter: receives progress.
        own_split: the split of the run that is evaluated; its images are not compared with
            themselves.
    """
    seen = read_seen_images(run, trained, reporter)
    if own_split is not None:
        seen = _without_own(seen, own_split)
    rows = evaluated.manifest.reset_index(drop=True)
    hashes, is_usable = perceptual_hashes(
        [evaluated.root / path for path in rows["path"]], reporter, digests=rows["digest"].tolist()
    )
    images = HashedImages(rows["source_digest"].to_numpy(dtype=str), hashes, is_usable)
    rank = seen.rows["use"].map({use: number for number, use in enumerate(USES)})
    matches = match_known_images(images, seen.images, rank=rank.to_numpy(dtype=np.int64))
    found, known = rows.iloc[matches["image"]], seen.rows.iloc[matches["known"]]
    table = pd.DataFrame(
        {
            "path": found["source"].to_numpy(),
            "label": found["label"].to_numpy(),
            "kind": matches["kind"].to_numpy(),
            "known_image": known["source"].to_numpy(),
            "known_split": known["split"].to_numpy(),
            "use": known["use"].to_numpy(),
            "different_bits": matches["different_bits"].to_numpy(),
        },
        columns=list(COLUMNS),
    )
    is_known = np.zeros(len(rows), dtype=bool)
    is_known[matches["image"]] = True
    num_compared = int(seen.rows["is_hashed"].sum())
    return KnownImages(table, is_known, num_compared, len(seen.rows), seen.missing_run)


def copies_in_own_split(
    run: RunDirectory, trained: TrainingExperiment, split: str, reporter: Reporter
) -> frozenset[str]:
    """Return sources of a split's images that equal others the run has seen; opens no image.

    Runs of earlier versions store no hashes; there only identical files are found.
    """
    own = run.read_images()
    rows = own[(own["split"] == split) & (own["parent"] == "")]
    if "perceptual_hash" not in own:
        learned = own[(own["split"] != split) & (own["split"] != "test")]
        return frozenset(rows["source"][rows["source_digest"].isin(learned["source_digest"])])
    seen = _without_own(read_seen_images(run, trained, reporter), split)
    hashes, is_usable = stored_hashes(rows["perceptual_hash"].tolist(), run)
    images = HashedImages(rows["source_digest"].to_numpy(dtype=str), hashes, is_usable)
    matches = match_known_images(images, seen.images, rank=np.zeros(len(seen.rows), dtype=int))
    return frozenset(rows["source"].iloc[matches["image"]])


def _without_own(seen: SeenImages, split: str) -> SeenImages:
    """Return the seen images with which the images of a split are compared."""
    rows = seen.rows[seen.rows["split"] != split]
    if split == "val":  # evaluated with the head before it was refit with validation images
        rows = rows[rows["use"] == LEARNED]
    return only(seen, rows.index.to_numpy())


def _counts(column: pd.Series, names: tuple[str, ...]) -> dict[str, int]:
    counts = column.value_counts()
    return {name: int(counts.get(name, 0)) for name in names}


def _in_words(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
