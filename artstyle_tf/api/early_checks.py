"""Checks of each verb before TensorFlow and pandas are imported, which takes seconds.

The job calls the same functions again, so nothing is checked only here. No module that is imported
here may import a heavy package; a test enforces that.
"""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.analysis.paths import analysis_outputs, find_analyzed_run, plan_analysis
from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.paths import find_compared_folders, plan_comparison, plan_evaluation
from artstyle_tf.evaluation.settings import CompareExperiment, EvaluateExperiment
from artstyle_tf.export.formats.registry import RUNTIMES, check_formats, require_packages
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.images.index.csv_reading import read_csv_rows
from artstyle_tf.images.index.file_arguments import check_names
from artstyle_tf.images.index.style_folders import check_image_folder
from artstyle_tf.images.preparation.folder import check_destination
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.inspection.run_planning import plan_inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.models.backbone_registry import check_backbone
from artstyle_tf.prediction.model_source import check_model_source
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.report.report_paths import find_reported_runs
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_creation import plan_folds, plan_run
from artstyle_tf.runs.run_directory import open_run
from artstyle_tf.runs.run_finding import find_run, read_results
from artstyle_tf.system.files import check_can_write
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuneExperiment
from artstyle_tf.tuning.study_engine import check_engine
from artstyle_tf.tuning.study_plan import base_experiment, check_space


def check_preparation(config: TrainingExperiment, invocation: Invocation) -> None:
    """Check images, split file, group file, and the folder of prepared images."""
    del invocation  # other verbs need it here
    _check_images(config.data)
    _check_prepared(config.data)


def check_inspection(config: InspectExperiment, invocation: Invocation) -> None:
    """Check the output folder, images, split file and group file."""
    plan_inspection(config, invocation)
    _check_images(config.data, fewest_styles=1)


def check_training(config: TrainingExperiment, invocation: Invocation) -> None:
    """Check the folder of the run, images, backbone and weights."""
    plan_run(config, invocation)
    _check_experiment(config)


def check_cross_validation(config: TrainingExperiment, invocation: Invocation) -> None:
    """Check the output folder, images, backbone and weights."""
    plan_folds(config, invocation)
    _check_experiment(config)


def check_tuning(config: TuneExperiment, invocation: Invocation) -> None:
    """Check the output folder, search space, engine, images, backbone and weights."""
    del invocation
    check_can_write(Path(config.outputs))
    check_space(base_experiment(config), SearchSpace(config.tuning.space))
    check_engine(config.tuning)
    _check_experiment(config)


def check_evaluation(config: EvaluateExperiment, invocation: Invocation) -> None:
    """Check the run, the name of the evaluation, and images of another folder."""
    del invocation
    run_directory = find_run(config.run, config.outputs, purpose="evaluated")
    if config.run_name is not None:
        plan_evaluation(config, run_directory, config.run_name)
    if config.images is not None:
        check_image_folder(Path(config.images), fewest_styles=1)
    check_can_write(run_directory.path if config.outputs is None else Path(config.outputs))


def check_export(config: ExportExperiment, invocation: Invocation) -> None:
    """Check the run, which must be finished, and the packages of the formats."""
    del invocation
    run_directory = find_run(config.run, config.outputs, purpose="exported")
    check_formats(config.formats)
    read_results(run_directory)
    check_can_write(run_directory.path if config.outputs is None else Path(config.outputs))


def check_prediction(config: PredictExperiment, invocation: Invocation) -> None:
    """Check the images, and the run or server."""
    del invocation
    check_names(config.images)
    check_model_source(config)
    if config.runtime in RUNTIMES and config.url is None:
        require_packages(config.runtime)
    check_can_write(Path(config.outputs if config.output is None else config.output))


def check_analysis(config: AnalyzeExperiment, invocation: Invocation) -> None:
    """Check network, images, and the output folder."""
    del invocation
    plan_analysis(config)
    if config.backbone is not None:
        check_backbone(config.backbone, config.weights, config.image_size_px)
    if config.images is not None:
        check_image_folder(Path(config.images), fewest_styles=1)
    elif find_analyzed_run(config) is None:
        _check_images(config.data)
    check_can_write(analysis_outputs(config))


def check_comparison(config: CompareExperiment, invocation: Invocation) -> None:
    """Check the runs and analyses, and the output folder."""
    del invocation
    find_compared_folders(config)
    plan_comparison(config)
    check_can_write(Path(config.outputs or "outputs"))


def check_report(config: ReportExperiment, invocation: Invocation) -> None:
    """Check the runs, which must be finished."""
    del invocation
    find_reported_runs(config)
    if config.outputs is not None:
        check_can_write(Path(config.outputs))


def _check_experiment(config: TrainingExperiment | TuneExperiment) -> None:
    _check_images(config.data)
    _check_prepared(config.data)
    model = config.model
    initial_run = getattr(model, "initial_run", None)
    if initial_run is not None:
        open_run(Path(initial_run))
    weights = model.weights if initial_run is None else None
    check_backbone(model.backbone, weights, model.image_size_px)


def _check_images(data: DataConfig, *, fewest_styles: int = 2) -> None:
    if not data.demo_set:  # which is drawn when it is needed
        check_image_folder(Path(data.images), fewest_styles=fewest_styles)
    for file, columns, what in (
        (data.split_file, ("path", "label", "split"), "split file"),
        (data.group_file, ("path", "group"), "group file"),
    ):
        if file is not None:
            read_csv_rows(Path(file), columns=columns, what=what)


def _check_prepared(data: DataConfig) -> None:
    check_destination(Path(data.images), Path(data.prepared))
    check_can_write(Path(data.prepared))
