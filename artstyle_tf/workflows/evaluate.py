"""evaluate: a finished run measured on one of its splits, or on another folder."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import (
    EvaluateExperiment,
    TrainingExperiment,
    TripletExperiment,
)
from artstyle_tf.data.batches import evaluation_batches, steps_per_epoch
from artstyle_tf.data.image_index import index_images
from artstyle_tf.data.picture_store import PictureStore
from artstyle_tf.data.preparation import PreparedPictures, prepare_pictures
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.training.gallery import Gallery, load_gallery
from artstyle_tf.training.prediction import predict
from artstyle_tf.training.run_directory import RunDirectory, open_run
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
from artstyle_tf.workflows.split_pictures import read_splits
from artstyle_tf.workflows.training_run import read_run_config


def run(config: EvaluateExperiment, invocation: Invocation) -> dict[str, Any]:
    """Loads the run's model, predicts, measures, writes; returns what --json prints."""
    run_directory = _open_run(config)
    trained = read_run_config(run_directory)
    class_names = run_directory.read_class_names()
    name, folder, figures = _plan_evaluation(config, run_directory)
    model = run_directory.load_model()
    with _pictures(config, run_directory, trained, invocation) as prepared:
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
            )
            show = _show_gallery(gallery, run_directory, trained)
            write_embedding_evaluation(
                evaluation, outputs, pictures, gallery, class_names, show=show, **where
            )
        else:
            evaluation = evaluate_logits(outputs, pictures, class_names)
            write_evaluation(evaluation, pictures, class_names, **where)
    return {
        "run": str(run_directory.path),
        "evaluated": name,
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
        "num_pictures": len(pictures),
        "unreadable": prepared.rejected.to_dict(orient="records"),
        "per_class": evaluation.per_class.to_dict(orient="records"),
        "results": str(folder),
        "figures": str(figures),
        "seconds": invocation.stopwatch.seconds(),
    }


def _show_gallery(
    gallery: Gallery, run_directory: RunDirectory, trained: TripletExperiment
) -> Callable[[int], np.ndarray] | None:
    """How to look at the gallery's pictures; None if they are not here."""
    root = _prepared_root(run_directory, trained)
    paths = [root / path for path in gallery.paths]
    if not all(path.is_file() for path in paths):
        return None
    store = PictureStore(
        paths, image_size_px=trained.model.image_size_px, aspect=trained.data.aspect
    )
    return lambda position: store.load(position).numpy()


def plan(config: EvaluateExperiment, invocation: Invocation) -> dict[str, Any]:
    """Says what `run` would measure, without writing."""
    run_directory = _open_run(config)
    name, folder, _ = _plan_evaluation(config, run_directory)
    if config.images is not None:
        num_pictures = len(index_images(Path(config.images), reporter=invocation.reporter).pictures)
    else:
        num_pictures = len(_rows_of_split(config, run_directory))
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


def _open_run(config: EvaluateExperiment) -> RunDirectory:
    if config.run is None:
        models = Path(config.outputs or "outputs") / "models"
        known = sorted(file.parent.name for file in models.glob("*/config.yaml"))
        raise ArtstyleError(
            "Which run should be evaluated?",
            expected="--run DIR",
            fix=f"in {models} there are {', '.join(known)}" if known else "train a model first",
        )
    return open_run(Path(config.run))


def _plan_evaluation(
    config: EvaluateExperiment, run_directory: RunDirectory
) -> tuple[str, Path, Path]:
    """Name, folder and figures of this evaluation; earlier ones are left alone."""
    home = run_directory
    if config.outputs is not None:
        home = run_directory.moved_to(Path(config.outputs))
    evaluations = home.path / "evaluations"
    name = config.run_name
    if name is None:
        images = None if config.images is None else Path(config.images).resolve().name
        name = _free_name(evaluations, images or _split(config, run_directory))
    elif (evaluations / name).exists():
        raise ArtstyleError(
            f"The evaluation {evaluations / name} exists already", fix="choose another --run-name"
        )
    return name, evaluations / name, home.figures / "evaluations" / name


def _free_name(evaluations: Path, base: str) -> str:
    name, number = base, 1
    while (evaluations / name).exists():
        number += 1
        name = f"{base}-{number}"
    return name


@contextmanager
def _pictures(
    config: EvaluateExperiment,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> Iterator[PreparedPictures]:
    if config.images is None:
        yield _own_pictures(config, run_directory, trained)
        return
    # Cleaned exactly as training pictures were, into a folder that goes away.
    with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary:
        yield _other_pictures(
            Path(config.images),
            Path(temporary) / "prepared",
            run_directory,
            trained,
            invocation,
        )


def _other_pictures(
    images: Path,
    destination: Path,
    run_directory: RunDirectory,
    trained: TrainingExperiment,
    invocation: Invocation,
) -> PreparedPictures:
    class_names = run_directory.read_class_names()
    index = index_images(images, reporter=invocation.reporter)
    unknown = sorted(set(index.class_names) - set(class_names))
    if unknown:
        raise ArtstyleError(
            f"{images} holds styles that the model does not know",
            received=", ".join(unknown[:5]),
            expected=f"folders named {', '.join(class_names)}",
            fix="rename or move these folders",
        )
    _warn_about_known_pictures(index.pictures, run_directory, invocation)
    return prepare_pictures(
        index.pictures.assign(split="test"),
        root=index.root,
        destination=destination,
        max_side_px=trained.data.max_side_px,
        num_workers=trained.data.preparation_workers,
        reporter=invocation.reporter,
    )


def _warn_about_known_pictures(
    pictures: pd.DataFrame, run_directory: RunDirectory, invocation: Invocation
) -> None:
    """A model knows the pictures it has learnt from; a score on them says little."""
    known = pd.read_csv(run_directory.pictures_file, usecols=["source_digest", "split"], dtype=str)
    learnt = set(known.loc[known["split"] == "train", "source_digest"])
    num_learnt = sum(digest in learnt for digest in pictures["digest"])
    if num_learnt:
        invocation.reporter.warn(
            f"{num_learnt} of these {len(pictures)} pictures were used to train the run; "
            "the score flatters the model"
        )


def _own_pictures(
    config: EvaluateExperiment, run_directory: RunDirectory, trained: TrainingExperiment
) -> PreparedPictures:
    """The run's pictures of one split, if they are still those the run used."""
    rows = _rows_of_split(config, run_directory)
    root = _prepared_root(run_directory, trained)
    readable = []
    rejected = []
    for row in rows.itertuples():
        reason = _why_not_the_same(root / str(row.path), str(row.digest))
        readable.append(reason is None)
        if reason is not None:
            rejected.append({"path": row.source, "reason": reason})
    if not any(readable):
        raise ArtstyleError(
            f"None of the run's {len(rows)} pictures is left in {root}",
            received=rejected[0]["reason"],
            fix="prepare them again with the run's config: "
            f"scripts/prepare_data.py --config {run_directory.config_file}",
        )
    return PreparedPictures(
        root=root,
        manifest=rows[readable],
        rejected=pd.DataFrame(rejected, columns=["path", "reason"]),
    )


def _prepared_root(run_directory: RunDirectory, trained: TrainingExperiment) -> Path:
    """Where the prepared pictures are: as configured, or where they were when the run was made."""
    configured = Path(trained.data.prepared)
    if configured.is_dir():
        return configured
    environment = json.loads(run_directory.environment_file.read_text(encoding="utf-8"))
    return Path(environment["prepared_pictures"])


def _why_not_the_same(file: Path, digest: str) -> str | None:
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return error.strerror or str(error)
    return None if found == digest else "changed since the run"


def _rows_of_split(config: EvaluateExperiment, run_directory: RunDirectory) -> pd.DataFrame:
    pictures = pd.read_csv(run_directory.pictures_file, dtype=str, keep_default_na=False)
    split = _split(config, run_directory)
    rows = pictures[pictures["split"] == split]
    if rows.empty:
        raise ArtstyleError(
            f"The run has no {split} pictures",
            expected=f"one of {', '.join(sorted(set(pictures['split'])))}",
            fix="set split=..., or give a folder with --images",
        )
    return rows[rows["parent"] == ""].reset_index(drop=True)


def _split(config: EvaluateExperiment, run_directory: RunDirectory) -> str:
    if config.split is not None:
        return config.split
    pictures = pd.read_csv(run_directory.pictures_file, usecols=["split"], dtype=str)
    return "test" if "test" in set(pictures["split"]) else "val"
