"""The functions of `artstyle_tf`: the verbs of the command line, for notebooks.

Each takes any setting of its job as a keyword, see `api.keywords`, and runs the same job as the
command line; no config file is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.api.image_folder import ImageFolder, as_image_folder
from artstyle_tf.api.keywords import config_from_keywords
from artstyle_tf.api.results import Result, result_of
from artstyle_tf.api.run import Run, load_run
from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS
from artstyle_tf.evaluation.settings import CompareExperiment, EvaluateExperiment
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS

Images = ImageFolder | str | os.PathLike[str]
RunLike = Run | str | os.PathLike[str]


def train_direct(
    images: Images,
    *,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train and evaluate a style classifier, as `train_direct.py` does.

    Args:
        images: folder of style folders.
        resume: continue the interrupted run of this `run_name`.
        overwrite: replace an earlier run of this `run_name`.
        quiet: print warnings only, no progress.
        settings: any key of the configuration, such as `backbone="efficientnet_v2_b0"`,
            `weights="file.weights.h5"`, `image_size_px=256`, `run_name="first"`.

    Returns:
        The finished run.

    Raises:
        ArtstyleError: if the images or a setting are invalid.
        KeyboardInterrupt: after Ctrl-C; `resume=True` with the same settings continues.

    Examples:
        >>> run = train_direct("data/images", backbone="efficientnet_v2_b0")
        >>> run.metrics["test"]["macro_f1"]
    """
    return _train("direct", images, settings, resume, overwrite, quiet)


def train_triplet(
    images: Images,
    *,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train and evaluate an embedding in which images of one style lie close together.

    Arguments, errors and result are those of `train_direct`.
    """
    return _train("triplet", images, settings, resume, overwrite, quiet)


def _train(
    kind: str,
    images: Images,
    settings: Mapping[str, Any],
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> Run:
    config = _with_images(TRAINING_EXPERIMENTS[kind], images, settings)
    name = f"train-{kind}"
    result = result_of(name, config, quiet=quiet, resume=resume, overwrite=overwrite)
    return load_run(result["run"])


def cross_validate(
    images: Images,
    *,
    kind: Literal["direct", "triplet"] = "direct",
    folds: int = 5,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> Result:
    """Cross-validate on random folds and, where groups are known, on folds with no group in two.

    Args:
        images: folder of style folders.
        kind: of the trainings.
        folds: number of folds, at least 2.
        resume: continue the interrupted cross-validation of this `run_name`.
        overwrite: replace an earlier one of this `run_name`.
        quiet: print warnings only, no progress.
        settings: any key of the configuration of a training.

    Returns:
        Scores of each scheme ("random", "group"), pooled and by fold, with intervals.
    """
    settings = {**settings, "cross_validation.num_folds": folds}
    config = _with_images(TRAINING_EXPERIMENTS[kind], images, settings)
    return result_of("cross-validate", config, quiet=quiet, resume=resume, overwrite=overwrite)


def tune(
    images: Images,
    space: Mapping[str, Mapping[str, Any]],
    *,
    kind: Literal["direct", "triplet"] = "direct",
    trials: int = 100,
    study: str = "study",
    quiet: bool = False,
    **settings: Any,
) -> Result:
    """Tune hyperparameters, and retrain the best trials before a winner is named.

    Args:
        images: folder of style folders.
        space: dotted key -> search space, such as
            `{"training.batch_size": {"type": "categorical", "choices": [16, 32]}}`.
        kind: of the trainings.
        trials: total number, over all calls that work on the study.
        study: name; the same call continues the study of this name.
        quiet: print warnings only, no progress.
        settings: any key of the configuration, such as `workers=2`.

    Returns:
        The best trials and the verdict; `best_config` is a file for `train_direct.py --config`.
    """
    settings = {
        **settings,
        "tuning.space": dict(space),
        "tuning.num_trials": trials,
        "run_name": study,
    }
    config = _with_images(TUNE_EXPERIMENTS[kind], images, settings)
    return result_of("tune", config, quiet=quiet)


def inspect_images(images: Images, *, quiet: bool = False, **settings: Any) -> Result:
    """Inspect every image: counts, quality, duplicates, groups, shortcuts, augmentation.

    Args:
        images: folder of style folders.
        quiet: print warnings only, no progress.
        settings: any key of the configuration of an inspection.

    Returns:
        Findings with code, severity and text; tables and figures are in its folders.
    """
    return as_image_folder(images).inspect(quiet=quiet, **settings)


def evaluate(
    run: RunLike,
    images: str | os.PathLike[str] | None = None,
    *,
    quiet: bool = False,
    **settings: Any,
) -> Result:
    """Evaluate a run on its own images or on another folder of style folders.

    Args:
        run: a finished run or its folder.
        images: folder of style folders; None for the run's own images of `split` (test).
        quiet: print warnings only, no progress.
        settings: `split`, `batch_size`, `run_name`.

    Returns:
        Scores with intervals; of another folder also without the images the run has seen.
    """
    fixed: dict[str, Any] = {"run": _path_of(run)}
    if images is not None:
        fixed["images"] = images
    return result_of(
        "evaluate", config_from_keywords(EvaluateExperiment, fixed, settings), quiet=quiet
    )


def analyze(
    run: RunLike | None = None,
    *,
    images: Images | None = None,
    backbone: str | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Result:
    """Analyze features: projections, clusters, label errors, classifiers.

    Args:
        run: a finished run or its folder; None for a pretrained backbone.
        images: folder of style folders; None for the run's own images.
        backbone: name of a backbone, if no run is given.
        quiet: print warnings only, no progress.
        settings: any key of the configuration of an analysis, such as `layer="head"`.

    Raises:
        ArtstyleError: if neither or both of run and backbone are given.
    """
    settings = {**settings, "backbone": backbone}
    if run is None and images is not None:
        config = _with_images(AnalyzeExperiment, images, settings)
    else:
        fixed: dict[str, Any] = {"run": None if run is None else _path_of(run)}
        if images is not None:
            fixed["images"] = as_image_folder(images).path
        config = config_from_keywords(AnalyzeExperiment, fixed, settings)
    return result_of("analyze-features", config, quiet=quiet)


def compare(runs: Sequence[RunLike], *, quiet: bool = False, **settings: Any) -> Result:
    """Compare runs, and classifiers of analyses, on the images that all were evaluated on.

    Args:
        runs: two or more finished runs, or folders of runs and analyses.
        quiet: print warnings only, no progress.
        settings: `run_name`, `classifiers`, `outputs`.

    Returns:
        Scores with intervals, and a verdict for each pair.
    """
    fixed = {"runs": [_path_of(run) for run in runs]}
    return result_of(
        "compare", config_from_keywords(CompareExperiment, fixed, settings), quiet=quiet
    )


def export(
    run: RunLike, formats: Sequence[str] = (), *, quiet: bool = False, **settings: Any
) -> Result:
    """Export a run for TensorFlow Serving and other runtimes.

    Args:
        run: a finished run or its folder.
        formats: onnx, openvino, openvino_bf16, litert, litert_int8, or all, in addition to the
            SavedModel.
        quiet: print warnings only, no progress.
        settings: any key of the configuration of an export.
    """
    fixed = {"run": _path_of(run), "formats": list(formats)}
    return result_of(
        "export-model", config_from_keywords(ExportExperiment, fixed, settings), quiet=quiet
    )


def write_report(
    runs: RunLike | Sequence[RunLike], *, quiet: bool = False, **settings: Any
) -> Result:
    """Write the HTML report of a run, and an overview of several runs.

    Args:
        runs: a finished run or its folder, or several.
        quiet: print warnings only, no progress.
        settings: any key of the configuration of a report.
    """
    several = [runs] if isinstance(runs, Run | str | os.PathLike) else runs
    fixed = {"runs": [_path_of(run) for run in several]}
    return result_of("report", config_from_keywords(ReportExperiment, fixed, settings), quiet=quiet)


def _with_images(schema: type[Schema], images: Images, settings: Mapping[str, Any]) -> Any:
    return as_image_folder(images).config(schema, settings)


def _path_of(run: RunLike) -> str:
    return str(run.path) if isinstance(run, Run) else os.fspath(run)
