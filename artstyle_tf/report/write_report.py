"""report: write a page for each run and, for several runs, one that compares them."""

from __future__ import annotations

from typing import Any

from artstyle_tf.report.report_paths import find_reported_runs, overview_file, report_file
from artstyle_tf.report.run_report import write_run_report
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.system.invocation import Invocation


def run(config: ReportExperiment, invocation: Invocation) -> dict[str, Any]:
    """Write the pages; return what --json prints."""
    runs = find_reported_runs(config)
    overview = overview_file(config, runs)
    reports = []
    for directory in runs:
        invocation.reporter.info(f"Writing the report of {directory.path.name}")
        with invocation.stopwatch.stage(directory.path.name):
            reports.append(write_run_report(directory, config, invocation.reporter))
    if overview is not None:
        invocation.reporter.info(f"Writing the comparison of {len(runs)} runs")
        from artstyle_tf.report.overview_report import write_overview  # which imports TensorFlow

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
    """Check the runs and return which files `run` would write."""
    del invocation  # other verbs need it here
    runs = find_reported_runs(config)
    overview = overview_file(config, runs)
    files = [report_file(directory, config) for directory in runs]
    files += [overview] if overview else []
    return {"dry_run": True, "would_write": [str(file) for file in files]}


def summarize(result: dict[str, Any]) -> str:
    """Format the result as text."""
    files = [*result["reports"], *([result["overview"]] if result["overview"] else [])]
    sizes = zip(files, result["size_bytes"], strict=True)
    return "\n".join(f"Report: {file} ({size / 1e6:.1f} MB)" for file, size in sizes)
