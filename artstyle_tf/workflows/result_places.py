"""Where analyses, comparisons, evaluations and overviews go; earlier ones are left alone."""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.config.experiment import AnalyzeExperiment, CompareExperiment, EvaluateExperiment
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.run_finding import (
    ANALYSIS_FILE,
    find_analyzed_run,
    free_name,
    refuse_existing,
)

COMPARISON_FILE = "comparison.json"
REPORT_FILE = "report.html"


def analysis_outputs(config: AnalyzeExperiment) -> Path:
    """The outputs folder of an analysis: as configured, or that of the run."""
    if config.outputs is not None:
        return Path(config.outputs)
    run_directory = find_analyzed_run(config)
    return Path("outputs") if run_directory is None else run_directory.path.parent.parent


def plan_analysis(config: AnalyzeExperiment) -> tuple[Path, Path]:
    """Folder and figures of an analysis.

    Raises:
        ArtstyleError: if it exists already.
    """
    run_directory = find_analyzed_run(config)
    outputs = analysis_outputs(config)
    analyses = outputs / "analyses"
    name = config.run_name
    if name is None:
        source = config.backbone if run_directory is None else run_directory.path.name
        name = free_name(analyses, f"{source}-{config.layer}".replace("/", "_"), ANALYSIS_FILE)
    refuse_existing(analyses / name, "analysis", ANALYSIS_FILE)
    return analyses / name, outputs / "figs" / "analyses" / name


def plan_comparison(config: CompareExperiment) -> tuple[Path, Path]:
    """Folder and figures of a comparison.

    Raises:
        ArtstyleError: if it exists already.
    """
    outputs = Path(config.outputs or "outputs")
    comparisons = outputs / "comparisons"
    name = config.run_name or free_name(comparisons, "comparison", COMPARISON_FILE)
    refuse_existing(comparisons / name, "comparison", COMPARISON_FILE)
    return comparisons / name, outputs / "figs" / "comparisons" / name


def plan_evaluation(
    config: EvaluateExperiment, run_directory: RunDirectory, name: str
) -> tuple[Path, Path]:
    """Folder and figures of an evaluation; without a name of its own it takes a free one.

    Args:
        config: of the evaluation.
        run_directory: of the run.
        name: to begin with, if `config` has none.

    Raises:
        ArtstyleError: if it exists already.
    """
    home = run_directory
    if config.outputs is not None:
        home = run_directory.moved_to(Path(config.outputs))
    evaluations = home.path / "evaluations"
    name = config.run_name or free_name(evaluations, name)
    refuse_existing(evaluations / name, "evaluation")
    return evaluations / name, home.figures / "evaluations" / name


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
