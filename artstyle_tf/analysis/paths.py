"""The run and the folders of an analysis; imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import free_name, how_to_find_a_run, refuse_existing
from artstyle_tf.system.errors import ArtstyleError

ANALYSIS_FILE = "analysis.json"
"""Result of a finished analysis."""


@dataclass(frozen=True)
class AnalysisOutputs:
    """Where an analysis writes its tables (`folder`) and figures, and the title of all figures."""

    folder: Path
    figures: Path
    title: str


def is_analysis(folder: Path) -> bool:
    """Return whether a folder is one of a finished analysis."""
    return (folder / ANALYSIS_FILE).is_file()


def find_analyzed_run(config: AnalyzeExperiment) -> RunDirectory | None:
    """Return the run to analyze; None for a bare backbone.

    Raises:
        ArtstyleError: if neither or both are configured, or there is no such run.
    """
    if (config.run is None) == (config.backbone is None):
        raise ArtstyleError(
            "Whose features should be analyzed?",
            received="neither a run nor a backbone" if config.run is None else "both",
            expected="--run DIR, or --backbone NAME with data.images=DIR",
            fix=how_to_find_a_run(config.outputs),
        )
    return None if config.run is None else open_run(Path(config.run))


def analysis_outputs(config: AnalyzeExperiment) -> Path:
    """Return the outputs folder of an analysis: as configured, or that of the run."""
    if config.outputs is not None:
        return Path(config.outputs)
    run_directory = find_analyzed_run(config)
    return Path("outputs") if run_directory is None else run_directory.path.parent.parent


def plan_analysis(config: AnalyzeExperiment) -> tuple[Path, Path]:
    """Return the folders of an analysis and of its figures.

    Raises:
        ArtstyleError: if it exists already.
    """
    run_directory = find_analyzed_run(config)
    outputs = analysis_outputs(config)
    analyses = outputs / "analyses"
    name = config.run_name
    if name is None:
        # A preset of KerasHub may be the path of a folder.
        backbone = re.split("[:/]", (config.backbone or "").rstrip("/"))[-1]
        source = backbone if run_directory is None else run_directory.path.name
        name = free_name(analyses, f"{source}-{config.layer}".replace("/", "_"), ANALYSIS_FILE)
    refuse_existing(analyses / name, "analysis", ANALYSIS_FILE)
    return analyses / name, outputs / "figs" / "analyses" / name
