"""The verbs of the command line: what each is called, its config and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS, DirectExperiment, TripletExperiment
from artstyle_tf.evaluation.settings import CompareExperiment, EvaluateExperiment
from artstyle_tf.export.formats.registry import FORMATS
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.trunk_cache.settings import TrunkCacheExperiment
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS


class Option(NamedTuple):
    """A key of the config that has an option of its own on the command line.

    Attributes:
        name: of the option.
        key: dotted key that it sets.
        help: text.
        type: of the value.
        takes_several: whether values follow each other.
    """

    name: str
    key: str
    help: str
    type: Callable[[str], Any] = str
    takes_several: bool = False


@dataclass(frozen=True)
class Verb:
    """One thing the program can do.

    Attributes:
        name: on the command line of `artstyle`, where the script has underscores; key of
            `api.jobs.JOBS`.
        summary: one line for --help.
        schema: of its config; several if the config's `kind` chooses.
        config_file: default for --config, in the configs folder.
        demo_config_file: the config that --demo stands for.
        options: of the command line, beside those that all verbs have.
        positional: key of the config that takes what is no key=value, and what that is called.
        writes_a_run: whether --overwrite makes sense, and --resume unless `resumes` is False.
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


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


# Options of several verbs.
_RUN = Option("--run", "run", "folder of the run, e.g. outputs/models/demo")
_GROUPS = (
    Option(
        "--group-pattern",
        "data.group_pattern",
        "what file names have in common that must not be split, e.g. '^([^_]+)_'",
    ),
    Option("--group-file", "data.group_file", "CSV path,group instead of a pattern"),
)

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            name="prepare-data",
            summary="Index, split and clean a folder of images, one sub-folder per style.",
            schema=TRAINING_EXPERIMENTS,
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
        ),
        Verb(
            name="inspect-data",
            summary="Look at the images first: counts, measures, faults, copies, shortcuts.",
            schema=InspectExperiment,
            config_file="inspect.yaml",
            demo_config_file="demo_inspect.yaml",
            options=(
                Option("--images", "data.images", "folder of style folders; default: data/images"),
                *_GROUPS,
                Option("--split-file", "data.split_file", "CSV path,label,split; default: split"),
                Option(
                    "--fail-on",
                    "fail_on",
                    "end with exit code 1 if this is found: codes, or error, warning or note, "
                    "separated by commas",
                    _words,
                ),
            ),
            writes_a_run=True,
            resumes=False,
        ),
        Verb(
            name="train-direct",
            summary="Train and evaluate a style classifier; prepares the images when needed.",
            schema=DirectExperiment,
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
            writes_a_run=True,
        ),
        Verb(
            name="train-triplet",
            summary="Train and evaluate an embedding in which similar styles lie together.",
            schema=TripletExperiment,
            config_file="triplet.yaml",
            demo_config_file="demo_triplet.yaml",
            writes_a_run=True,
        ),
        Verb(
            name="cross-validate",
            summary="Train on folds: what to expect of other images, and of other groups.",
            schema=TRAINING_EXPERIMENTS,
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
            options=(
                Option("--folds", "cross_validation.num_folds", "number of folds; default: 5", int),
                Option(
                    "--repeats",
                    "cross_validation.repeats",
                    "other folds and seeds; default: 1",
                    int,
                ),
                *_GROUPS,
            ),
            writes_a_run=True,
        ),
        Verb(
            name="tune",
            summary="Search settings, and train the best again before a winner is named.",
            schema=TUNE_EXPERIMENTS,
            config_file="tune_direct.yaml",
            demo_config_file="demo_tune.yaml",
            options=(
                Option("--trials", "tuning.num_trials", "of all workers; default: 100", int),
                Option("--workers", "tuning.workers", "trials at a time; default: cores", int),
                Option("--timeout", "tuning.timeout_seconds", "seconds until no more begin", float),
                Option("--storage", "tuning.storage", "postgresql://... for several machines"),
            ),
        ),
        Verb(
            name="evaluate",
            summary="Measure a trained run on its own test split or on a folder of style folders.",
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
            summary="Make a run ready for TensorFlow Serving and other runtimes.",
            schema=ExportExperiment,
            config_file="export.yaml",
            options=(
                _RUN,
                Option(
                    "--formats",
                    "formats",
                    f"beside the SavedModel: all, or {','.join(FORMATS)}",
                    _words,
                ),
                Option(
                    "--cross-validation",
                    "cross_validation",
                    "folder of one, whose figures go into the model card",
                ),
            ),
        ),
        Verb(
            name="predict",
            summary="Say which style images have, by a run or by a server.",
            schema=PredictExperiment,
            config_file="predict.yaml",
            positional=Option("IMAGES", "images", "files, folders, patterns; - reads stdin"),
            options=(
                _RUN,
                Option("--url", "url", "of a server, http://HOST:8501 or https://HOST"),
                Option("--output", "output", "file to write, .csv or .jsonl"),
                Option("--top-k", "top_k", "classes to name for each image; default: 3", int),
                Option("--threshold", "threshold", "below it: don't know", float),
                Option("--grad-cam", "grad_cam", "folder for images of where the network looks"),
            ),
        ),
        Verb(
            name="analyze-features",
            summary="Look at a network's features: maps, clusters, doubtful labels, classifiers.",
            schema=AnalyzeExperiment,
            config_file="analysis.yaml",
            options=(
                _RUN,
                Option("--images", "images", "folder of style folders, instead of the run's own"),
                Option("--backbone", "backbone", "name of a bare backbone, instead of a run"),
                Option("--layer", "layer", "pooled, head, output or a layer; default: pooled"),
                Option(
                    "--clusters",
                    "clustering.num_clusters",
                    "number of clusters; default: by silhouette",
                    int,
                ),
            ),
        ),
        Verb(
            name="compare",
            summary="Compare runs, classifiers of features and the baseline on the same images.",
            schema=CompareExperiment,
            config_file="compare.yaml",
            options=(
                Option(
                    "--runs",
                    "runs",
                    "folders of runs, and of analyses with classifiers",
                    takes_several=True,
                ),
            ),
        ),
        Verb(
            name="report",
            summary="Write a page of a run to open and to mail, and one of several side by side.",
            schema=ReportExperiment,
            config_file="report.yaml",
            options=(Option("--runs", "runs", "folders of finished runs", takes_several=True),),
        ),
        Verb(
            name="trunk-cache",
            summary="Show what is kept of frozen blocks to make training fast, or clear it.",
            schema=TrunkCacheExperiment,
            config_file="trunk_cache.yaml",
            options=(
                Option("--folder", "folder", "of the cache; default: trunk_cache in the outputs"),
                Option("--clear", "clear", "what to remove: a key from the list, or all"),
            ),
        ),
    )
}
