"""report: a page for each run and, of several, one that puts them side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artstyle_tf.report.overview_report import write_overview
from artstyle_tf.report.places import find_reported_runs, plan_overview, report_file
from artstyle_tf.report.run_report import write_run_report
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.invocation import Invocation


def run(config: ReportExperiment, invocation: Invocation) -> dict[str, Any]:
    """Writes the pages; returns what --json prints."""
    runs = find_reported_runs(config)
    overview = _overview_file(config, runs)
    reports = []
    for directory in runs:
        invocation.reporter.info(f"Writing the report of {directory.path.name}")
        with invocation.stopwatch.stage(directory.path.name):
            reports.append(write_run_report(directory, config, invocation.reporter))
    if overview is not None:
        invocation.reporter.info(f"Writing the overview of {len(runs)} runs")
        with invocation.stopwatch.stage("overview"):
            write_overview(overview, runs, reports, invocation.reporter)
    files = [*reports, *([] if overview is None else [overview])]
    return {
        "reports": [str(report) for report in reports],
        "overview": None if overview is None else str(overview),
        "size_bytes": [file.stat().st_size for file in files],
        "seconds": invocation.stopwatch.seconds(),
    }


def plan(config: ReportExperiment, invocation: Invocation) -> dict[str, Any]:
    """Checks the runs and says what `run` would write, without writing."""
    del invocation  # other verbs need it here
    runs = find_reported_runs(config)
    overview = _overview_file(config, runs)
    files = [report_file(directory, config) for directory in runs]
    files += [overview] if overview else []
    return {"dry_run": True, "would_write": [str(file) for file in files]}


def summarize(result: dict[str, Any]) -> str:
    """The result as text."""
    files = [*result["reports"], *([result["overview"]] if result["overview"] else [])]
    sizes = zip(files, result["size_bytes"], strict=True)
    return "\n".join(f"Report: {file} ({size / 1e6:.1f} MB)" for file, size in sizes)


def _overview_file(config: ReportExperiment, runs: list[RunDirectory]) -> Path | None:
    """Where the page of several runs goes; earlier ones are left alone."""
    if len(runs) < 2:
        return None
    outputs = runs[0].path.parent.parent if config.outputs is None else Path(config.outputs)
    return plan_overview(outputs, config.run_name)
