"""evaluate: a finished run measured on one of its splits, or on another folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import EvaluateExperiment, TripletExperiment
from artstyle_tf.data.batches import evaluation_batches, steps_per_epoch
from artstyle_tf.data.given_split import judged_part
from artstyle_tf.data.image_index import index_images
from artstyle_tf.data.picture_store import PictureStore
from artstyle_tf.files import must_stay
from artstyle_tf.training.gallery import Gallery, load_gallery
from artstyle_tf.training.prediction import predict
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.embedding_evaluation import (
    evaluate_embeddings,
    write_embedding_evaluation,
)
from artstyle_tf.workflows.evaluation import (
    evaluate_logits,
    format_metrics,
    write_evaluation,
)
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.result_places import plan_evaluation
from artstyle_tf.workflows.run_finding import find_run, read_run_config
from artstyle_tf.workflows.run_pictures import (
    chosen_pictures,
    chosen_split,
    prepared_root,
    rows_of_split,
)
from artstyle_tf.workflows.split_pictures import read_splits


def run(config: EvaluateExperiment, invocation: Invocation) -> dict[str, Any]:
    """Loads the run's model, predicts, measures, writes; returns what --json prints."""
    run_directory = find_run(config.run, config.outputs, purpose="evaluated")
    with must_stay(run_directory.path, run_directory.config_file):
        return _evaluate(config, run_directory, invocation)


def _evaluate(
    config: EvaluateExperiment, run_directory: RunDirectory, invocation: Invocation
) -> dict[str, Any]:
    trained = read_run_config(run_directory)
    class_names = run_directory.read_class_names()
    name, folder, figures = _plan_evaluation(config, run_directory)
    asks_validation = config.images is None and chosen_split(config, run_directory) == "val"
    model = run_directory.load_model(before_refit=asks_validation)
    with chosen_pictures(config, run_directory, trained, invocation) as prepared:
        splits = read_splits(
            prepared,
            class_names,
            trained.data,
            image_size_px=trained.model.image_size_px,
        )
        (pictures,) = splits.values()
        outputs = predict(
            model,
            evaluation_batches(pictures.store, pictures.labels, batch_size=config.batch_size),
            num_batches=steps_per_epoch(len(pictures), config.batch_size),
            description="Evaluating pictures",
            reporter=invocation.reporter,
        )
        title = f"{run_directory.path.name}: {name}"
        where = {"folder": folder, "figures": figures, "title": title}
        if isinstance(trained, TripletExperiment):
            gallery = load_gallery(run_directory.gallery_file)
            evaluation = evaluate_embeddings(
                outputs,
                pictures,
                gallery,
                class_names,
                num_neighbours=trained.training.num_neighbours,
                calibration=run_directory.read_calibration(),
            )
            show = _show_gallery(gallery, run_directory, trained)
            write_embedding_evaluation(
                evaluation, outputs, pictures, gallery, class_names, show=show, **where
            )
        else:
            calibration = run_directory.read_calibration()
            evaluation = evaluate_logits(outputs, pictures, class_names, calibration)
            write_evaluation(evaluation, pictures, class_names, **where)
    return {
        "run": str(run_directory.path),
        "evaluated": name,
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
        "num_pictures": len(pictures),
        "unreadable": prepared.rejected.to_dict(orient="records"),
        "per_class": _as_json(evaluation.per_class),
        "results": str(folder),
        "figures": str(figures),
        "seconds": invocation.stopwatch.seconds(),
    }


def _as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table; what is not known is null, because JSON has no NaN."""
    return table.astype(object).where(table.notna(), None).to_dict(orient="records")


def _show_gallery(
    gallery: Gallery, run_directory: RunDirectory, trained: TripletExperiment
) -> Callable[[int], np.ndarray] | None:
    """How to look at the gallery's pictures; None if they are not here."""
    root = prepared_root(run_directory, trained)
    paths = [root / path for path in gallery.paths]
    if not all(path.is_file() for path in paths):
        return None
    store = PictureStore(
        paths, image_size_px=trained.model.image_size_px, aspect=trained.data.aspect
    )
    return lambda position: store.load(position).numpy()


def plan(config: EvaluateExperiment, invocation: Invocation) -> dict[str, Any]:
    """Says what `run` would measure, without writing."""
    run_directory = find_run(config.run, config.outputs, purpose="evaluated")
    name, folder, _ = _plan_evaluation(config, run_directory)
    if config.images is not None:
        index = index_images(Path(config.images), reporter=invocation.reporter)
        num_pictures = len(judged_part(index, invocation.reporter).pictures)
    else:
        num_pictures = len(rows_of_split(chosen_split(config, run_directory), run_directory))
    return {
        "dry_run": True,
        "run": str(run_directory.path),
        "would_evaluate": name,
        "num_pictures": num_pictures,
        "results": str(folder),
    }


def summarise(result: dict[str, Any]) -> str:
    """The result as text."""
    if result.get("dry_run"):
        return "\n".join(f"{key}: {value}" for key, value in result.items() if key != "dry_run")
    per_class = pd.DataFrame(result["per_class"])
    lines = [
        per_class.to_string(index=False, float_format=lambda value: f"{value:.3f}"),
        "",
        format_metrics(
            {result["evaluated"]: result["metrics"]}, {result["evaluated"]: result["intervals"]}
        ),
        f"Pictures: {result['num_pictures']}",
        f"Results:  {result['results']}",
        f"Figures:  {result['figures']}",
    ]
    lines += [f"Unreadable: {row['path']} ({row['reason']})" for row in result["unreadable"]]
    return "\n".join(lines)


def _plan_evaluation(
    config: EvaluateExperiment, run_directory: RunDirectory
) -> tuple[str, Path, Path]:
    """Name, folder and figures of this evaluation; earlier ones are left alone."""
    if config.images is not None:
        name = Path(config.images).resolve().name
    else:
        name = config.run_name or chosen_split(config, run_directory)
    folder, figures = plan_evaluation(config, run_directory, name)
    return folder.name, folder, figures
