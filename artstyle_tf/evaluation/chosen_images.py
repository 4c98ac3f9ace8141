"""The images that an evaluation asks for: those of the run, or of another folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.settings import EvaluateExperiment
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_images import other_images, own_images, rows_of_split
from artstyle_tf.system.invocation import Invocation


@contextmanager
def chosen_images(
    config: EvaluateExperiment,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> Iterator[PreparedImages]:
    """The images that `config` asks for; those of another folder go away afterwards."""
    if config.images is None:
        rows = rows_of_split(chosen_split(config, run_directory), run_directory)
        yield own_images(rows, run_directory, trained)
        return
    # Cleaned exactly as training images were, into a folder that goes away.
    with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary:
        yield other_images(
            Path(config.images),
            Path(temporary) / "prepared",
            run_directory,
            trained,
            invocation,
        )


def chosen_split(config: EvaluateExperiment, run_directory: RunDirectory) -> str:
    """The split that `config` asks for; test if there is one."""
    if config.split is not None:
        return config.split
    return "test" if "test" in set(run_directory.read_images()["split"]) else "val"
