"""The pictures on which a finished run is measured: its own, or those of another folder."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from artstyle_tf.config.experiment import EvaluateExperiment, TrainingExperiment
from artstyle_tf.data.given_split import judged_part
from artstyle_tf.data.image_index import index_images
from artstyle_tf.data.preparation import PreparedPictures, prepare_pictures
from artstyle_tf.data.style_names import distinct_names, nearest_style
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import leads_out
from artstyle_tf.shell_commands import shell_command
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.invocation import Invocation


@contextmanager
def chosen_pictures(
    config: EvaluateExperiment,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> Iterator[PreparedPictures]:
    """The pictures that `config` asks for; those of another folder go away afterwards."""
    if config.images is None:
        rows = rows_of_split(chosen_split(config, run_directory), run_directory)
        yield own_pictures(rows, run_directory, trained)
        return
    # Cleaned exactly as training pictures were, into a folder that goes away.
    with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary:
        yield other_pictures(
            Path(config.images),
            Path(temporary) / "prepared",
            run_directory,
            trained,
            invocation,
        )


def other_pictures(
    images: Path,
    destination: Path,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> PreparedPictures:
    """Pictures of another folder, cleaned as the run's were, all in the split "test".

    Raises:
        ArtstyleError: if there are styles that the run does not know, or no pictures.
    """
    class_names = run_directory.read_class_names()
    # One style is enough to measure its recall.
    found = index_images(images, reporter=invocation.reporter, fewest_styles=1)
    index = judged_part(found, invocation.reporter)
    unknown = sorted(set(index.class_names) - set(class_names))
    if unknown:
        raise ArtstyleError(
            f"{images} holds styles that the model does not know",
            received=", ".join(unknown[:5]),
            expected=f"folders named {', '.join(class_names)}",
            fix=_how_to_rename(unknown, class_names),
        )
    return prepare_pictures(
        index.pictures.assign(split="test"),
        root=index.root,
        destination=destination,
        max_side_px=trained.data.max_side_px,
        num_workers=trained.data.preparation_workers,
        reporter=invocation.reporter,
    )


def _how_to_rename(unknown: Sequence[str], class_names: Sequence[str]) -> str:
    """Advice for folders that the model does not know; some may be styles in another spelling."""
    for folder in unknown:
        style = nearest_style(folder, class_names)
        if style is not None:
            found, wanted = distinct_names([folder, style])
            return f"rename {found} to {wanted}"
    return "rename or move these folders"


def own_pictures(
    rows: pd.DataFrame, run_directory: RunDirectory, trained: TrainingExperiment
) -> PreparedPictures:
    """Some of the run's pictures, as far as they are still those the run used.

    Args:
        rows: of the run's table of pictures.
        run_directory: of the run.
        trained: config of the run.

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
            f"None of the run's {len(rows)} pictures is left in {root}",
            received=rejected[0]["reason"],
            fix="prepare them again with the run's config: "
            + shell_command("scripts/prepare_data.py", "--config", run_directory.config_file),
        )
    return PreparedPictures(
        root=root,
        manifest=rows[readable],
        rejected=pd.DataFrame(rejected, columns=["path", "reason"]),
    )


def prepared_root(run_directory: RunDirectory, trained: TrainingExperiment) -> Path:
    """Where the prepared pictures are: as configured, or where they were when the run was made."""
    configured = Path(trained.data.prepared)
    if configured.is_dir():
        return configured
    where = run_directory.read_environment().prepared_pictures
    return configured if where is None else Path(where)


def file_below(root: Path, path: str, digest: str) -> Path | None:
    """The file that a run's table names; None if it is gone, changed, or not in the folder."""
    return root / path if _why_not_the_same(root, path, digest) is None else None


def _why_not_the_same(root: Path, path: str, digest: str) -> str | None:
    if leads_out(path):
        return "leads out of the folder of the images"
    try:
        with (root / path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error.strerror or str(error)
    return None if found == digest else "changed since the run"


def rows_of_split(split: str, run_directory: RunDirectory) -> pd.DataFrame:
    """Rows of the run's own pictures in a split, without augmented copies.

    Raises:
        ArtstyleError: if there are none.
    """
    pictures = all_rows(run_directory)
    rows = pictures[pictures["split"] == split]
    if rows.empty:
        raise ArtstyleError(
            f"The run has no {split} pictures",
            expected=f"one of {', '.join(sorted(set(pictures['split'])))}",
            fix="set split=..., or give a folder with --images",
        )
    return rows[rows["parent"] == ""].reset_index(drop=True)


def all_rows(run_directory: RunDirectory) -> pd.DataFrame:
    """The run's table of pictures, all columns as strings."""
    return run_directory.read_pictures()


def chosen_split(config: EvaluateExperiment, run_directory: RunDirectory) -> str:
    """The split that `config` asks for; test if there is one."""
    if config.split is not None:
        return config.split
    return "test" if "test" in set(run_directory.read_pictures()["split"]) else "val"
