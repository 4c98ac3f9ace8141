"""Publish a finished run: report, TensorBoard, MLflow. No failure here damages the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.report.experiment_trackers import log_to_mlflow, write_tensorboard_results
from artstyle_tf.report.run_report import write_run_report
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.run_record import tensorboard_folder

if TYPE_CHECKING:
    import keras

Result = TypeVar("Result")


def publish_run(
    run: RunDirectory,
    config: TrainingExperiment,
    reporter: Reporter,
    model: keras.Model | None = None,
) -> str | None:
    """Write report, TensorBoard results and MLflow entry, as configured.

    Each reads the files of the finished run. If one fails, there is a warning.

    Args:
        run: its directory.
        config: of the training.
        reporter: where progress and warnings go.
        model: what the run has saved, which takes seconds to load; None to load it if needed.

    Returns:
        The report's path; None if there is none.
    """
    report = None
    if config.report:
        report = _attempt(
            "report",
            lambda: write_run_report(run, ReportExperiment(), reporter, model=model),
            reporter,
        )
    folder = tensorboard_folder(config, run)
    if folder is not None:
        _attempt("TensorBoard results", lambda: write_tensorboard_results(run, folder), reporter)
    mlflow = config.training.mlflow
    if mlflow is not None:
        _attempt("MLflow entry", lambda: log_to_mlflow(run, mlflow), reporter)
    return None if report is None else str(report)


def _attempt(what: str, act: Callable[[], Result], reporter: Reporter) -> Result | None:
    try:
        return act()
    except ArtstyleError as error:
        reporter.warn(f"Writing the {what} failed. {error}")
    except Exception as error:  # whatever fails here, the run is finished and valid
        message = " ".join(str(error).split())[:300]
        reporter.warn(f"Writing the {what} failed: {type(error).__name__}: {message}")
    return None
