"""The folders that evaluations and comparisons read and write; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.analysis.paths import is_analysis
from artstyle_tf.evaluation.settings import (
    CompareBackbonesExperiment,
    CompareExperiment,
    EvaluateExperiment,
)
from artstyle_tf.runs.run_creation import check_same_config, plan_run_directory
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import free_name, refuse_existing
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import check_can_write
from artstyle_tf.system.invocation import Invocation

COMPARISON_FILE = "comparison.json"
BACKBONES_FILE = "results.json"


def find_compared_folders(config: CompareExperiment) -> list[Path]:
    """Return the folders of --runs, each once: of analyses, or of finished runs.

    Raises:
        ArtstyleError: if a folder is neither, or there is none.
    """
    if not config.runs:
        models = Path(config.outputs or "outputs") / "models"
        known = sorted(file.parent.name for file in models.glob("[!.]*/metrics.json"))
        raise ArtstyleError(
            "Which runs should be compared?",
            expected="--runs DIR DIR ..., folders of runs and of analyses",
            fix=f"in {models} there are {', '.join(known)}" if known else "train a model first",
        )
    folders = list(dict.fromkeys(Path(path).resolve() for path in config.runs))
    for folder in folders:
        if not is_analysis(folder) and not open_run(folder).metrics_file.is_file():
            raise ArtstyleError(
                f"The run {folder} has no results yet",
                expected="a finished run",
                fix="finish it with --resume, or leave it out",
            )
    return folders


def plan_comparison(config: CompareExperiment) -> tuple[Path, Path]:
    """Return the folders of a comparison and of its figures.

    Raises:
        ArtstyleError: if it exists already.
    """
    outputs = Path(config.outputs or "outputs")
    comparisons = outputs / "comparisons"
    name = config.run_name or free_name(comparisons, "comparison", COMPARISON_FILE)
    refuse_existing(comparisons / name, "comparison", COMPARISON_FILE)
    return comparisons / name, outputs / "figs" / "comparisons" / name


def plan_backbone_comparison(
    config: CompareBackbonesExperiment, invocation: Invocation
) -> RunDirectory:
    """Find the directory of a comparison of backbones; a resumed one needs the same config.

    Raises:
        ArtstyleError: if it exists already, cannot be resumed, or cannot be written.
    """
    place = plan_run_directory(
        Path(config.outputs),
        config.run_name,
        kind="backbones",
        resume=invocation.resume,
        overwrite=invocation.overwrite,
        folder="backbones",
    )
    if invocation.resume:
        if (place.path / BACKBONES_FILE).is_file():
            raise ArtstyleError(
                f"The comparison {place.path} is finished",
                expected="an interrupted comparison",
                fix="leave --resume out and choose another --run-name; activations that are in the "
                "trunk cache are not computed again",
            )
        check_same_config(config, place)
    check_can_write(place.path)
    return place


def plan_evaluation(
    config: EvaluateExperiment, run_directory: RunDirectory, name: str
) -> tuple[Path, Path]:
    """Return the folders of an evaluation and of its figures.

    Args:
        config: of the evaluation.
        run_directory: of the run.
        name: start of a free name, if `config` has no name.

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
