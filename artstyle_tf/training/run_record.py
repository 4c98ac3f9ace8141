"""The record of a training in its run directory, and its summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.heads.head_start import Baseline
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import count_images
from artstyle_tf.images.split_images import SplitImages, class_ids
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.comparison import compare_predictions, outcome, verdict
from artstyle_tf.models.network import Network
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.plots.bars import plot_class_distribution
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.optional_packages import has_tensorboard
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.trunk_cache.cache_decision import CacheDecision

BASELINE_PREDICTIONS_FILE = "baseline_predictions.csv"


def describe_run(
    run_directory: RunDirectory,
    config: TrainingExperiment,
    class_names: tuple[str, ...],
    images: pd.DataFrame,
    prepared: PreparedImages,
    network: Network,
    decision: CacheDecision,
) -> None:
    """Write what is needed to repeat the run, before any training."""
    run_directory.write_config(dump_yaml(config))
    run_directory.write_class_names(class_names)
    split_columns = images[["path", "label", "split", "group"]]
    run_directory.write_table(run_directory.split_file, split_columns)
    hashes = dict(zip(images["path"], images["perceptual_hash"], strict=True))
    manifest = prepared.manifest
    # Copies of these images are found by their hash later, wherever the images are then.
    manifest = manifest.assign(perceptual_hash=manifest["source"].map(hashes))
    run_directory.write_table(run_directory.images_file, manifest)
    environment = {
        **describe_environment(),
        "kind": config.kind,
        "seed": config.seed,
        "prepared_images": str(prepared.root.resolve()),
        "initial_weights_digest": weights_digest(network.backbone.model),
        "trunk_cache": dataclasses.asdict(decision),
    }
    write_json(run_directory.environment_file, environment)
    distribution = plot_class_distribution(count_images(prepared.manifest))
    save_figure(distribution, run_directory.figures / "class_distribution.png")


def save_and_note_the_first(
    run_directory: RunDirectory, invocation: Invocation
) -> Callable[[keras.Model], None]:
    """Return a function that saves a model into the run and notes the time of the first one."""

    def save(model: keras.Model) -> None:
        first = not run_directory.model_file.is_file()
        run_directory.save_model(model)
        if first:
            invocation.stopwatch.note("first_model", invocation.stopwatch.elapsed)

    return save


def tensorboard_folder(config: TrainingExperiment, run_directory: RunDirectory) -> Path | None:
    """Return where the run's TensorBoard files go; None if there are none."""
    enabled = config.training.tensorboard
    if enabled == "auto":
        enabled = has_tensorboard()
    return run_directory.path / "tensorboard" if enabled else None


def compare_with_baseline(
    baseline: Baseline,
    splits: dict[str, SplitImages],
    evaluations: Mapping[str, Evaluation],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Test whether the trained network is better than the baseline on the same images.

    Returns:
        Name of the data set in the results -> the baseline's scores, the paired comparison, its
        outcome and the verdict, as JSON values.
    """
    found = {}
    for split, name in NAME_IN_RESULT.items():
        if name not in evaluations:
            continue
        labels = splits[split].labels
        comparison = compare_predictions(
            labels,
            class_ids(evaluations[name].predictions["prediction"], class_names),
            baseline.predictions[split],
            num_classes=len(class_names),
        )
        found[name] = {
            **classification_summary(
                labels, baseline.predictions[split], num_classes=len(class_names)
            ),
            "trained_against_baseline": dataclasses.asdict(comparison),
            "outcome": outcome(comparison),
            "verdict": verdict(comparison, ["the trained model", "the baseline"]),
        }
    return found


def write_baseline_predictions(
    baseline: Baseline,
    splits: dict[str, SplitImages],
    class_names: Sequence[str],
    run_directory: RunDirectory,
) -> None:
    """Write the baseline's prediction of each image, so that it can be compared with other runs."""
    for split, name in NAME_IN_RESULT.items():
        if split not in splits:
            continue
        rows = splits[split].rows
        table = pd.DataFrame(
            {
                "path": rows["source"],
                "label": rows["label"],
                "prediction": np.array(class_names)[baseline.predictions[split]],
            }
        )
        run_directory.write_table(run_directory.path / name / BASELINE_PREDICTIONS_FILE, table)


def summarize_baseline(result: dict[str, Any]) -> list[str]:
    """Summarize baseline and verdict in lines, by the test split where there is one."""
    name = next(name for name in ("test", "validation") if name in result["baseline"])
    baseline = result["baseline"][name]
    sentence = baseline["verdict"]
    return [
        f"Baseline: logistic regression on the frozen top, {name} {baseline['macro_f1']:.3f}",
        f"          {sentence[0].upper()}{sentence[1:]}.",
    ]
