"""evaluate: a finished run evaluated on one of its splits, or on another folder."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.measured_run import MeasuredRun
from artstyle_tf.evaluation.paths import plan_evaluation
from artstyle_tf.evaluation.settings import EvaluateExperiment
from artstyle_tf.images.batches.batches import evaluation_batches, steps_per_epoch
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.split_images import SplitImages, read_splits
from artstyle_tf.images.splits.given_split import evaluated_part
from artstyle_tf.runs.known_images import TABLE_FILE, find_known_images
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import find_run, read_run_config
from artstyle_tf.runs.run_images import other_images, own_images, rows_of_split
from artstyle_tf.runs.served_run import load_run_model
from artstyle_tf.system.files import must_stay, write_text
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.evaluation import Evaluation, format_metrics
from artstyle_tf.training.image_inputs import predict


def run(config: EvaluateExperiment, invocation: Invocation) -> dict[str, Any]:
    """Load the run's model, predict, evaluate and write; return what --json prints."""
    run_directory = find_run(config.run, config.outputs, purpose="evaluated")
    with must_stay(run_directory.path, run_directory.config_file):
        return _evaluate(config, run_directory, invocation)


def _evaluate(
    config: EvaluateExperiment, run_directory: RunDirectory, invocation: Invocation
) -> dict[str, Any]:
    trained = read_run_config(run_directory)
    class_names = run_directory.read_class_names()
    name, folder, figures = _plan_evaluation(config, run_directory)
    own_split = None if config.images is not None else _chosen_split(config, run_directory)
    measured = MeasuredRun(run_directory, trained, class_names, invocation.reporter)
    model = load_run_model(run_directory, trained, before_refit=own_split == "val")

    def read(prepared: PreparedImages) -> SplitImages:
        size_px = trained.model.image_size_px
        (images,) = read_splits(prepared, class_names, trained.data, image_size_px=size_px).values()
        return images

    with _chosen_images(config, run_directory, trained, invocation) as prepared:
        images = read(prepared)
        known = find_known_images(
            run_directory, trained, prepared, invocation.reporter, own_split=own_split
        )
        outputs = predict(
            model,
            evaluation_batches(images.store, images.labels, batch_size=config.batch_size),
            num_batches=steps_per_epoch(len(images), config.batch_size),
            description="Evaluating images",
            reporter=invocation.reporter,
        )
        evaluation = measured.evaluate(outputs, images)
        of_new = None
        if len(known.table) and known.num_left:
            new = dataclasses.replace(prepared, manifest=prepared.manifest[~known.is_known])
            of_new = _as_block(measured.evaluate(outputs[~known.is_known], read(new)))
        table = folder / TABLE_FILE if len(known.table) else None
        about_votes = {} if measured.votes is None else {"num_neighbors": measured.votes}
        about_known = {"known_images": known.counts(table), "without_known_images": of_new}
        if table is not None:
            write_text(table, csv_text(known.table))
        measured.write(
            evaluation,
            outputs,
            images,
            folder=folder,
            figures=figures,
            title=f"{run_directory.path.name}: {name}",
            further={**about_votes, **about_known},
        )
    warnings = [
        *_about_own_split(own_split),
        *_about_single_style(images, class_names),
        *known.warnings(),
    ]
    for warning in warnings:
        invocation.reporter.warn(warning)
    return {
        "run": str(run_directory.path),
        "evaluated": name,
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
        **about_votes,
        "num_images": len(images),
        **about_known,
        "warnings": warnings,
        "unreadable": prepared.rejected.to_dict(orient="records"),
        "per_class": _as_json(evaluation.per_class),
        "results": str(folder),
        "figures": str(figures),
        "seconds": invocation.stopwatch.seconds(),
    }


@contextmanager
def _chosen_images(
    config: EvaluateExperiment,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> Iterator[PreparedImages]:
    """Open the configured images; prepared copies of another folder are deleted afterwards."""
    if config.images is None:
        rows = rows_of_split(_chosen_split(config, run_directory), run_directory)
        yield own_images(rows, run_directory, trained)
        return
    # Prepared exactly as training images were, in a temporary folder.
    with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary:
        folder = Path(temporary) / "prepared"
        yield other_images(Path(config.images), folder, run_directory, trained, invocation)


def _chosen_split(config: EvaluateExperiment, run_directory: RunDirectory) -> str:
    """Return the configured split; by default test if there is one."""
    if config.split is not None:
        return config.split
    return "test" if "test" in set(run_directory.read_images()["split"]) else "val"


def _as_block(evaluation: Evaluation) -> dict[str, Any]:
    """Return scores as JSON values, for results that hold several of them."""
    return {
        "num_images": len(evaluation.predictions),
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
        "per_class": _as_json(evaluation.per_class),
    }


def _about_own_split(split: str | None) -> list[str]:
    """Return a warning about images that training or model selection has used."""
    if split == "train":
        return [
            "The run was trained on these images: the scores are training scores, and say nothing "
            "about new images."
        ]
    if split == "val":
        return [
            "These images were used to select the run's epoch, temperature or threshold: scores on "
            "them are slightly optimistic."
        ]
    return []


def _about_single_style(images: SplitImages, class_names: Sequence[str]) -> list[str]:
    """Return a warning about scores on images of one style only."""
    present = np.unique(images.labels)
    if len(present) > 1:
        return []
    return [
        f"All {len(images)} images are of one style, {class_names[int(present[0])]}: accuracy "
        "and macro recall are its recall, macro precision is 1 as soon as one image is right, and "
        "false positives of this style are not measured."
    ]


def _as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table; NaN becomes null, because JSON has no NaN."""
    return table.astype(object).where(table.notna(), None).to_dict(orient="records")


def plan(config: EvaluateExperiment, invocation: Invocation) -> dict[str, Any]:
    """Return what `run` would evaluate, without writing."""
    run_directory = find_run(config.run, config.outputs, purpose="evaluated")
    name, folder, _ = _plan_evaluation(config, run_directory)
    if config.images is not None:
        index = index_images(Path(config.images), reporter=invocation.reporter, fewest_styles=1)
        num_images = len(evaluated_part(index, invocation.reporter).images)
    else:
        num_images = len(rows_of_split(_chosen_split(config, run_directory), run_directory))
    return {
        "dry_run": True,
        "run": str(run_directory.path),
        "would_evaluate": name,
        "num_images": num_images,
        "results": str(folder),
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    per_class, name = pd.DataFrame(result["per_class"]), result["evaluated"]
    scores = {name: result["metrics"]}
    intervals = {name: result["intervals"]}
    known, of_new = result["known_images"], result["without_known_images"]
    if of_new is not None:
        without = f"without {known['num_images']} known images"
        scores[without], intervals[without] = of_new["metrics"], of_new["intervals"]
    lines = [
        per_class.to_string(index=False, float_format=lambda value: f"{value:.3f}"),
        "",
        format_metrics(scores, intervals),
        f"Images: {result['num_images']}",
    ]
    if known["num_images"]:
        new = f"{known['num_new']} are new" if known["num_new"] else "no new image is left"
        lines += [
            f"Known:    {known['num_images']} images that the run has seen before; {new}",
            f"          {known['table']}",
        ]
    lines += [f"Results:  {result['results']}", f"Figures:  {result['figures']}"]
    lines += [f"Unreadable: {row['path']} ({row['reason']})" for row in result["unreadable"]]
    return "\n".join(lines)


def _plan_evaluation(
    config: EvaluateExperiment, run_directory: RunDirectory
) -> tuple[str, Path, Path]:
    """Return name, folder and figures of this evaluation; earlier ones are not changed."""
    if config.images is not None:
        name = Path(config.images).resolve().name
    else:
        name = config.run_name or _chosen_split(config, run_directory)
    folder, figures = plan_evaluation(config, run_directory, name)
    return folder.name, folder, figures
