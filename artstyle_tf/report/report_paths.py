"""Find the runs to report and the files to write; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import free_name, how_to_find_a_run, read_results
from artstyle_tf.system.errors import ArtstyleError

REPORT_FILE = "report.html"


def find_reported_runs(config: ReportExperiment) -> list[RunDirectory]:
    """Return the runs that --runs names, each once.

    Raises:
        ArtstyleError: if none is named, or one is not finished.
    """
    if not config.runs:
        raise ArtstyleError(
            "Which runs should be reported?",
            expected="--runs DIR DIR ...",
            fix=how_to_find_a_run(config.outputs),
        )
    runs = [open_run(Path(path)) for path in dict.fromkeys(config.runs)]
    for directory in runs:
        read_results(directory)
    return list({directory.path: directory for directory in runs}.values())


def report_file(run: RunDirectory, config: ReportExperiment) -> Path:
    """Return the path of a run's page: in its directory, or in outputs/models/<run>."""
    home = run if config.outputs is None else run.moved_to(Path(config.outputs))
    return home.path / REPORT_FILE


def overview_file(config: ReportExperiment, runs: list[RunDirectory]) -> Path | None:
    """Return the path of the page that compares several runs; None for a single run.

    Raises:
        ArtstyleError: if the page exists already.
    """
    if len(runs) < 2:
        return None
    outputs = runs[0].path.parent.parent if config.outputs is None else Path(config.outputs)
    folder = outputs / "reports"
    file = folder / (config.run_name or free_name(folder, "overview", REPORT_FILE)) / REPORT_FILE
    if file.exists():
        raise ArtstyleError(f"The report {file} exists already", fix="choose another --run-name")
    return file
