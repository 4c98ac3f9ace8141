"""The directory of an inspection; nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.runs.run_creation import plan_run_directory
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.files import check_can_write
from artstyle_tf.system.invocation import Invocation


def plan_inspection(config: InspectExperiment, invocation: Invocation) -> RunDirectory:
    """Choose the directory of an inspection.

    Raises:
        ArtstyleError: if it exists already, or cannot be written.
    """
    run = plan_run_directory(
        Path(config.outputs),
        config.run_name,
        kind="inspection",
        resume=False,
        overwrite=invocation.overwrite,
        folder="inspections",
    )
    check_can_write(run.path)
    return run
