"""What trainings of all kinds leave in their run directory, and what they say at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import count_images
from artstyle_tf.models.network import Network
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.plots.class_distribution import plot_class_distribution
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.optional_packages import has_tensorboard
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.baseline_comparison import summarize_baseline
from artstyle_tf.training.evaluation import format_metrics, summarize_calibration
from artstyle_tf.trunk_cache.cache_decision import CacheDecision

_REFITTED = "         then refitted with the validation images, which were measured before"


def describe_run(
    run_directory: RunDirectory,
    config: TrainingExperiment,
    class_names: tuple[str, ...],
    images: pd.DataFrame,
    prepared: PreparedImages,
    network: Network,
    decision: CacheDecision,
) -> None:
    """Writes what is needed to repeat the run, before anything is learned."""
    run_directory.write_config(dump_yaml(config))
    run_directory.write_class_names(class_names)
    split_columns = images[["path", "label", "split", "group"]]
    run_directory.write_table(run_directory.split_file, split_columns)
    hashes = dict(zip(images["path"], images["perceptual_hash"], strict=True))
    manifest = prepared.manifest
    # By which copies of these images are found later, wherever the images are then.
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
    """Saves a model into the run; when there was none yet, the time is noted."""

    def save(model: keras.Model) -> None:
        first = not run_directory.model_file.is_file()
        run_directory.save_model(model)
        if first:
            invocation.stopwatch.note("first_model", invocation.stopwatch.elapsed)

    return save


def tensorboard_folder(config: TrainingExperiment, run_directory: RunDirectory) -> Path | None:
    """Where the run's TensorBoard files go, if any are wanted."""
    wanted = config.training.tensorboard
    if wanted == "auto":
        wanted = has_tensorboard()
    return run_directory.path / "tensorboard" if wanted else None


def summarize_training(result: dict[str, Any]) -> str:
    """The result as text."""
    scores = {name: result[name] for name in NAME_IN_RESULT.values() if name in result}
    best = "the start" if result["best_epoch"] == 0 else f"epoch {result['best_epoch']}"
    return "\n".join(
        [
            format_metrics(scores, result["intervals"]),
            *summarize_baseline(result),
            summarize_calibration(result["calibration"]),
            f"Best:    {best}",
            *([_REFITTED] if result["refitted"] else []),
            f"Model:   {result['model']}",
            f"Figures: {result['figures']}",
            *([f"Report:  {result['report']}"] if result["report"] else []),
            f"Run:     {result['run']} ({result['seconds']['total']:.0f} s)",
        ]
    )
