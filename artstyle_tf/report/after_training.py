"""What is made of a finished run at its end, none of which may ever spoil it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.report.mlflow_log import log_to_mlflow
from artstyle_tf.report.run_report import write_run_report
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.report.tensorboard_results import write_tensorboard_results
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.run_record import tensorboard_folder

Result = TypeVar("Result")


def publish_run(run: RunDirectory, config: TrainingExperiment, reporter: Reporter) -> str | None:
    """Report, TensorBoard and MLflow, as far as the config wants them.

    Each reads what the finished run has left. If one fails the run is as good as it was: there is
    a warning.

    Args:
        run: directory of the run.
        config: of the run.
        reporter: where progress and warnings go.

    Returns:
        The report's path; None if there is none.
    """
    report = None
    if config.report:
        report = _attempt(
            "report", lambda: write_run_report(run, ReportExperiment(), reporter), reporter
        )
    folder = tensorboard_folder(config, run)
    if folder is not None:
        _attempt("part of TensorBoard", lambda: write_tensorboard_results(run, folder), reporter)
    mlflow = config.training.mlflow
    if mlflow is not None:
        _attempt(
            "entry in MLflow",
            lambda: log_to_mlflow(
                run, tracking_uri=mlflow.tracking_uri, experiment=mlflow.experiment
            ),
            reporter,
        )
    return None if report is None else str(report)


def _attempt(what: str, act: Callable[[], Result], reporter: Reporter) -> Result | None:
    try:
        return act()
    except ArtstyleError as error:
        reporter.warn(f"The {what} was left out. {error}")
    except Exception as error:  # whatever is wrong here, the run is finished and good
        said = " ".join(str(error).split())[:300]
        reporter.warn(f"The {what} was left out: {type(error).__name__}: {said}")
    return None
