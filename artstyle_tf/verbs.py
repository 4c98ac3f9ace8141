"""The verbs of the command line: what each is called, its config and its options.

Workflows are named, not imported, so that `--help` does not wait for TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import (
    TRAINING_EXPERIMENTS,
    AnalyzeExperiment,
    CompareExperiment,
    DirectExperiment,
    EvaluateExperiment,
    TripletExperiment,
    TrunkCacheExperiment,
)


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
        name: on the command line of `artstyle`; the script has underscores instead.
        summary: one line for --help.
        schema: of its config; several if the config's `kind` chooses.
        workflow: module with `plan(config, invocation)`, `run(config, invocation)`, both giving
            a JSON object, and `summarise(result)`, giving text.
        config_file: default for --config, in the configs folder.
        demo_config_file: the config that --demo stands for.
        options: of the command line, beside those that all verbs have.
        writes_a_run: whether --run-name, --resume and --overwrite make sense.
    """

    name: str
    summary: str
    schema: type[Schema] | Mapping[str, type[Schema]]
    workflow: str
    config_file: str
    demo_config_file: str | None = None
    options: tuple[Option, ...] = ()
    writes_a_run: bool = False


_GROUP_PATTERN_HELP = "what file names have in common that must not be split, e.g. '^([^_]+)_'"

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            name="prepare-data",
            summary="Index, split and clean a folder of pictures, one sub-folder per style.",
            schema=TRAINING_EXPERIMENTS,
            workflow="artstyle_tf.workflows.prepare_data",
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
        ),
        Verb(
            name="train-direct",
            summary="Train and evaluate a style classifier; prepares the pictures when needed.",
            schema=DirectExperiment,
            workflow="artstyle_tf.workflows.train_direct",
            config_file="direct.yaml",
            demo_config_file="demo.yaml",
            writes_a_run=True,
        ),
        Verb(
            name="train-triplet",
            summary="Train and evaluate an embedding in which similar styles lie together.",
            schema=TripletExperiment,
            workflow="artstyle_tf.workflows.train_triplet",
            config_file="triplet.yaml",
            demo_config_file="demo_triplet.yaml",
            writes_a_run=True,
        ),
        Verb(
            name="cross-validate",
            summary="Train on folds: what to expect of other pictures, and of other groups.",
            schema=TRAINING_EXPERIMENTS,
            workflow="artstyle_tf.workflows.cross_validate",
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
                Option("--group-pattern", "data.group_pattern", _GROUP_PATTERN_HELP),
                Option("--group-file", "data.group_file", "CSV path,group instead of a pattern"),
            ),
            writes_a_run=True,
        ),
        Verb(
            name="evaluate",
            summary="Measure a trained run on its own test split or on a folder of style folders.",
            schema=EvaluateExperiment,
            workflow="artstyle_tf.workflows.evaluate",
            config_file="evaluate.yaml",
            options=(
                Option("--run", "run", "folder of the run, e.g. outputs/models/demo"),
                Option(
                    "--images", "images", "folder of style folders, instead of the run's own split"
                ),
            ),
        ),
        Verb(
            name="analyze-features",
            summary="Look at a network's features: maps, clusters, doubtful labels, classifiers.",
            schema=AnalyzeExperiment,
            workflow="artstyle_tf.workflows.analyze_features",
            config_file="analysis.yaml",
            options=(
                Option("--run", "run", "folder of the run, e.g. outputs/models/demo"),
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
            summary="Compare runs, classifiers of features and the floor on the same pictures.",
            schema=CompareExperiment,
            workflow="artstyle_tf.workflows.compare",
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
            name="trunk-cache",
            summary="Show what is kept of frozen blocks to make training fast, or clear it.",
            schema=TrunkCacheExperiment,
            workflow="artstyle_tf.workflows.trunk_cache",
            config_file="trunk_cache.yaml",
            options=(
                Option("--folder", "folder", "of the cache; default: trunk_cache in the outputs"),
                Option("--clear", "clear", "what to remove: a key from the list, or all"),
            ),
        ),
    )
}
