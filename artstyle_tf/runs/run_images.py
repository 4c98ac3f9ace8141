"""Read the images on which a finished run is evaluated: its own, or those of another folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.style_folders import distinct_names, nearest_style
from artstyle_tf.images.preparation.preparation import PreparedImages, prepare_images
from artstyle_tf.images.splits.given_split import evaluated_part
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.content_cache import file_digest
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import leads_out
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.shell_commands import shell_command


def other_images(
    images: Path,
    destination: Path,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> PreparedImages:
    """Prepare images of another folder like the run's images, all in the split "test".

    Raises:
        ArtstyleError: if there are styles that the run does not have, or no images.
    """
    class_names = run_directory.read_class_names()
    # One style is enough to measure its recall.
    found = index_images(images, reporter=invocation.reporter, fewest_styles=1)
    index = evaluated_part(found, invocation.reporter)
    unknown = sorted(set(index.class_names) - set(class_names))
    if unknown:
        raise ArtstyleError(
            f"{images} contains styles that the model does not know",
            received=", ".join(unknown[:5]),
            expected=f"folders named {', '.join(class_names)}",
            fix=_how_to_rename(unknown, class_names),
        )
    return prepare_images(
        index.images.assign(split="test"),
        root=index.root,
        destination=destination,
        max_side_px=trained.data.max_side_px,
        num_workers=trained.data.preparation_workers,
        reporter=invocation.reporter,
    )


def _how_to_rename(unknown: Sequence[str], class_names: Sequence[str]) -> str:
    """Return advice for unknown folders; some may be known styles in another spelling."""
    for folder in unknown:
        style = nearest_style(folder, class_names)
        if style is not None:
            found, known = distinct_names([folder, style])
            return f"rename {found} to {known}"
    return "rename or move these folders"


def own_images(
    rows: pd.DataFrame, run_directory: RunDirectory, trained: TrainingExperiment
) -> PreparedImages:
    """Return those of the run's images that are unchanged; `rows` is of its table of images.

    Raises:
        ArtstyleError: if none is left.
    """
    root = prepared_root(run_directory, trained)
    readable = []
    rejected = []
    for row in rows.itertuples():
        reason = _why_not_the_same(root, str(row.path), str(row.digest))
        readable.append(reason is None)
        if reason is not None:
            rejected.append({"path": row.source, "reason": reason})
    if not any(readable):
        raise ArtstyleError(
            f"None of the run's {len(rows)} images is left in {root}",
            received=rejected[0]["reason"],
            fix="prepare them again with the run's config: "
            + shell_command("scripts/prepare_data.py", "--config", run_directory.config_file),
        )
    return PreparedImages(
        root=root,
        manifest=rows[readable],
        rejected=pd.DataFrame(rejected, columns=["path", "reason"]),
    )


def prepared_root(run_directory: RunDirectory, trained: TrainingExperiment) -> Path:
    """Return the folder of prepared images: as configured, or as it was during training."""
    configured = Path(trained.data.prepared)
    if configured.is_dir():
        return configured
    stored = run_directory.read_environment().prepared_images
    return configured if stored is None else Path(stored)


def file_below(root: Path, path: str, digest: str) -> Path | None:
    """Return a file of a run's table; None if it is missing, changed, or not in the folder."""
    return root / path if _why_not_the_same(root, path, digest) is None else None


def _why_not_the_same(root: Path, path: str, digest: str) -> str | None:
    if leads_out(path):
        return "outside the image folder"
    try:
        found = file_digest(root / path)
    except OSError as error:
        return error.strerror or str(error)
    return None if found == digest else "changed since the run"


def rows_of_split(split: str, run_directory: RunDirectory) -> pd.DataFrame:
    """Return the rows of the run's own images in a split, without augmented copies.

    Raises:
        ArtstyleError: if there are none.
    """
    images = run_directory.read_images()
    rows = images[images["split"] == split]
    if rows.empty:
        raise ArtstyleError(
            f"The run has no {split} images",
            expected=f"one of {', '.join(sorted(set(images['split'])))}",
            fix="set split=..., or give a folder with --images",
        )
    return rows[rows["parent"] == ""].reset_index(drop=True)
