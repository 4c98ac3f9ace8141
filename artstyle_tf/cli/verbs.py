"""The verbs of the command line: names, configs and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, DirectExperiment, TripletExperiment
from artstyle_tf.evaluation.settings import (
    CompareBackbonesExperiment,
    CompareExperiment,
    EvaluateExperiment,
)
from artstyle_tf.export.formats.registry import FORMATS
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.trunk_cache.settings import TrunkCacheExperiment
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS


class Option(NamedTuple):
    """A command-line option that sets one key of the config.

    Attributes:
        name: of the option.
        key: dotted key that it sets.
        help: text.
        type: of the value.
        takes_several: whether it takes a list of values.
    """

    name: str
    key: str
    help: str
    type: Callable[[str], Any] = str
    takes_several: bool = False


@dataclass(frozen=True)
class Verb:
    """One verb of the program, such as train-direct.

    Attributes:
        name: on the command line of `artstyle`, where the script has underscores; key of
            `api.jobs.JOBS`.
        summary: one line for --help.
        schema: of its config; several if the config's `kind` chooses.
        config_file: default of --config, in the configs folder.
        demo_config_file: config that --demo selects.
        options: in addition to those that all verbs have.
        positional: key that takes the arguments that are not key=value, and their name.
        writes_a_run: whether there is --overwrite, and --resume unless `resumes` is False.
        resumes: whether an interrupted run can be continued.
    """

    name: str
    summary: str
    schema: type[Schema] | Mapping[str, type[Schema]]
    config_file: str
    demo_config_file: str | None = None
    options: tuple[Option, ...] = ()
    positional: Option | None = None
    writes_a_run: bool = False
    resumes: bool = True

    @property
    def reads_image_folders(self) -> bool:
        """Whether it lists and measures images, which `system.content_cache` remembers."""
        schemas = self.schema.values() if isinstance(self.schema, Mapping) else [self.schema]
        return self.name == "evaluate" or any("data" in each.model_fields for each in schemas)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


# Options of several verbs.
_RUN = Option("--run", "run", "folder of the run, e.g. outputs/models/demo")
_IMAGES = Option("--images", "data.images", "folder of style folders; default: data/images")
_FOLDS = (
    Option("--folds", "cross_validation.num_folds", "number of folds; default: 5", int),
    Option(
        "--repeats",
        "cross_validation.repeats",
        "repetitions with new folds and seeds; default: 1",
        int,
    ),
)
_GROUPS = (
    Option(
        "--group-pattern",
        "data.group_pattern",
        "regular expression for the group in a file name, e.g. '^([^_]+)_'",
    ),
    Option("--group-file", "data.group_file", "CSV path,group, instead of a pattern"),
)

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            name="prepare-data",
            summary="Clean, downscale and split a folder of images, one subfolder per style.",
            schema=TRAINING_EXPERIMENTS,
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
        ),
        Verb(
            name="inspect-data",
            summary="Inspect the images: counts, quality, duplicates, groups, shortcuts.",
            schema=InspectExperiment,
            config_file="inspect.yaml",
            demo_config_file="demo_inspect.yaml",
            options=(
                _IMAGES,
                *_GROUPS,
                Option("--split-file", "data.split_file", "CSV path,label,split; default: split"),
                Option(
                    "--fail-on",
                    "fail_on",
                    "exit with code 1 on these findings: codes, or error, warning or note, "
                    "separated by commas",
                    _words,
                ),
            ),
            writes_a_run=True,
            resumes=False,
        ),
        Verb(
            name="train-direct",
            summary="Train and evaluate a style classifier; prepares the images if needed.",
            schema=DirectExperiment,
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
            writes_a_run=True,
        ),
        Verb(
            name="train-triplet",
            summary="Train and evaluate an embedding in which images of one style lie close.",
            schema=TripletExperiment,
            config_file="triplet.yaml",
            demo_config_file="demo_triplet.yaml",
            writes_a_run=True,
        ),
        Verb(
            name="cross-validate",
            summary="Cross-validate on random folds, and on folds with no group in two.",
            schema=TRAINING_EXPERIMENTS,
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
            options=(*_FOLDS, *_GROUPS),
            writes_a_run=True,
        ),
        Verb(
            name="compare-backbones",
            summary="Compare frozen networks on the images: scores, time, size, license.",
            schema=CompareBackbonesExperiment,
            config_file="compare_backbones.yaml",
            demo_config_file="demo_compare_backbones.yaml",
            options=(_IMAGES, *_FOLDS, *_GROUPS),
            writes_a_run=True,
        ),
        Verb(
            name="tune",
            summary="Tune hyperparameters, and retrain the best before naming a winner.",
            schema=TUNE_EXPERIMENTS,
            config_file="tune_direct.yaml",
            demo_config_file="demo_tune.yaml",
            options=(
                Option(
                    "--trials", "tuning.num_trials", "total number of trials; default: 100", int
                ),
                Option(
                    "--workers", "tuning.workers", "parallel trials; default: number of cores", int
                ),
                Option(
                    "--timeout",
                    "tuning.timeout_seconds",
                    "seconds after which no trial starts",
                    float,
                ),
                Option(
                    "--storage",
                    "tuning.storage",
                    "database shared by several machines, postgresql://...",
                ),
            ),
        ),
        Verb(
            name="evaluate",
            summary="Evaluate a run on its test split or on another folder of style folders.",
            schema=EvaluateExperiment,
            config_file="evaluate.yaml",
            options=(
                _RUN,
                Option(
                    "--images", "images", "folder of style folders, instead of the run's own split"
                ),
            ),
        ),
        Verb(
            name="export-model",
            summary="Export a run for TensorFlow Serving and other runtimes.",
            schema=ExportExperiment,
            config_file="export.yaml",
            options=(
                _RUN,
                Option(
                    "--formats",
                    "formats",
                    f"in addition to the SavedModel: all, or {','.join(FORMATS)}",
                    _words,
                ),
                Option(
                    "--cross-validation",
                    "cross_validation",
                    "folder of a cross-validation, for the model card",
                ),
            ),
        ),
        Verb(
            name="predict",
            summary="Predict the style of images, with a run or a server.",
            schema=PredictExperiment,
            config_file="predict.yaml",
            positional=Option(
                "IMAGES", "images", "files, folders or patterns; - reads a list from stdin"
            ),
            options=(
                _RUN,
                Option("--url", "url", "address of a server, http://HOST:8501 or https://HOST"),
                Option("--output", "output", "output file, .csv or .jsonl"),
                Option("--top-k", "top_k", "classes per image; default: 3", int),
                Option("--threshold", "threshold", "abstain below this confidence", float),
                Option("--grad-cam", "grad_cam", "folder for Grad-CAM overlays"),
            ),
        ),
        Verb(
            name="analyze-features",
            summary="Analyze features: projections, clusters, label errors, classifiers.",
            schema=AnalyzeExperiment,
            config_file="analysis.yaml",
            options=(
                _RUN,
                Option("--images", "images", "folder of style folders, instead of the run's own"),
                Option("--backbone", "backbone", "name of a pretrained backbone, instead of a run"),
                Option("--layer", "layer", "pooled, head, output or a layer name; default: pooled"),
                Option(
                    "--clusters",
                    "clustering.num_clusters",
                    "number of clusters; default: best silhouette score",
                    int,
                ),
            ),
        ),
        Verb(
            name="compare",
            summary="Compare runs, feature classifiers and the baseline on the same images.",
            schema=CompareExperiment,
            config_file="compare.yaml",
            options=(
                Option(
                    "--runs",
                    "runs",
                    "folders of runs and of analyses with classifiers",
                    takes_several=True,
                ),
            ),
        ),
        Verb(
            name="report",
            summary="Write the HTML report of a run, and an overview of several runs.",
            schema=ReportExperiment,
            config_file="report.yaml",
            options=(Option("--runs", "runs", "folders of finished runs", takes_several=True),),
        ),
        Verb(
            name="trunk-cache",
            summary="List or clear the cached activations of frozen blocks.",
            schema=TrunkCacheExperiment,
            config_file="trunk_cache.yaml",
            options=(
                Option(
                    "--folder", "folder", "folder of the cache; default: trunk_cache in the outputs"
                ),
                Option("--clear", "clear", "entry to remove: a key from the list, or all"),
            ),
        ),
    )
}
