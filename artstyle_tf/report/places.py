"""Which runs are reported, and where overviews go; nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import free_name, how_to_find_a_run, read_results
from artstyle_tf.system.errors import ArtstyleError

REPORT_FILE = "report.html"


def find_reported_runs(config: ReportExperiment) -> list[RunDirectory]:
    """The runs that --runs names, all of them finished, each once.

    Raises:
        ArtstyleError: if one is not, or none is named.
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


def report_file(run: RunDirectory, outputs: str | None) -> Path:
    """The page of a run: in its directory, or at the same place in other outputs."""
    home = run if outputs is None else run.moved_to(Path(outputs))
    return home.path / REPORT_FILE


def plan_overview(outputs: Path, name: str | None) -> Path:
    """The file of an overview of several runs.

    Raises:
        ArtstyleError: if it exists already.
    """
    folder = outputs / "reports"
    name = name or free_name(folder, "overview", REPORT_FILE)
    file = folder / name / REPORT_FILE
    if file.exists():
        raise ArtstyleError(f"The report {file} exists already", fix="choose another --run-name")
    return file
