"""Log a finished run to TensorBoard and MLflow."""

from __future__ import annotations

import csv
import io
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from artstyle_tf.inspection.thumbnails import read_thumbnail
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.theme import house_style
from artstyle_tf.report.atlas_points import read_stored_features
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.report_paths import REPORT_FILE
from artstyle_tf.report.run_facts import RunFacts, confusion_counts, flat_config, read_run_facts
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.files import replaced_atomically, write_text
from artstyle_tf.training.settings import MlflowConfig

_RESULTS_FOLDER = "results"  # which TensorBoard shows as a separate run
_SPRITE_PX = 48
_MOST_POINTS = 10_000  # the projector's limit; the sprites stay below 8192 px a side

_PARAMETERS_AT_ONCE = 100  # the limit of an MLflow server
_LONGEST_VALUE = 500


def write_tensorboard_results(run: RunDirectory, folder: Path) -> None:
    """Write confusion matrix and projector data next to the event files of a finished run."""
    facts = read_run_facts(run)
    _write_confusion_matrix(facts, folder / _RESULTS_FOLDER)
    _write_projector(run, facts, folder / _RESULTS_FOLDER)


def _write_confusion_matrix(facts: RunFacts, folder: Path) -> None:
    import tensorflow as tf

    part = facts.evaluated.part
    with house_style():
        figure = plot_confusion_matrix(
            confusion_counts(facts.evaluated, facts.class_names),
            facts.class_names,
            normalized=False,
            title=f"{facts.name}: {part}",
        )
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=100)
    pixels = np.asarray(Image.open(drawn).convert("RGB"))
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        step = int(facts.results.get("best_epoch") or 0)
        tf.summary.image(f"confusion_matrix/{part}", pixels[None], step=step)
    writer.close()


def _write_projector(run: RunDirectory, facts: RunFacts, folder: Path) -> None:
    """Write vectors, metadata and thumbnails in the projector's format."""
    # Part of TensorBoard, which is optional.
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    stored = read_stored_features(run, facts)
    rows, features = stored.rows.iloc[:_MOST_POINTS], stored.features[:_MOST_POINTS]
    write_text(folder / "tensors.tsv", _tsv(features.tolist()))
    predictions = facts.evaluated.predictions.set_index("path")["prediction"]
    table = pd.DataFrame(
        {
            "style": rows["label"],
            "prediction": rows["path"].map(predictions).fillna(""),
            "split": rows["split"],
            "image": rows["path"],
        }
    )
    write_text(folder / "metadata.tsv", _tsv([list(table), *table.to_numpy().tolist()]))
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "embedding" if facts.is_embedding else "log probabilities"
    embedding.tensor_shape.extend(features.shape)
    embedding.tensor_path = "tensors.tsv"
    embedding.metadata_path = "metadata.tsv"
    if _write_sprites(folder / "sprites.png", rows["path"].tolist(), PreparedFiles(run, facts)):
        embedding.sprite.image_path = "sprites.png"
        embedding.sprite.single_image_dim.extend([_SPRITE_PX, _SPRITE_PX])
    write_text(folder / "projector_config.pbtxt", text_format.MessageToString(config))


def _write_sprites(file: Path, paths: Sequence[str], images: PreparedFiles) -> bool:
    """Write all thumbnails into one image, row by row; return whether there is any."""
    known = set(images.known(paths))
    if not known:
        return False
    side = math.ceil(math.sqrt(len(paths)))
    sheet = Image.new("RGB", (side * _SPRITE_PX, side * _SPRITE_PX))
    for number, path in enumerate(paths):
        image = read_thumbnail(images.of(path), side_px=_SPRITE_PX) if path in known else None
        if image is not None:
            corner = (number % side * _SPRITE_PX, number // side * _SPRITE_PX)
            sheet.paste(Image.fromarray(image), corner)
    with replaced_atomically(file) as temporary:
        sheet.save(temporary)
    return True


def _tsv(rows: Sequence[Sequence[object]]) -> str:
    """Format rows with tabs between cells; tabs inside a cell become spaces."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
    writer.writerows([" ".join(str(cell).split()) for cell in row] for row in rows)
    return written.getvalue().replace("\r\n", "\n")


def log_to_mlflow(run: RunDirectory, config: MlflowConfig) -> None:
    """Log parameters, metrics, figures, report and model of a finished run to MLflow.

    The experiment is created if it does not exist.
    """
    # Read at import: MLflow reports its use over the network by default, except within tests.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow  # pyright: ignore[reportMissingImports]

    facts = read_run_facts(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own deprecations
        if config.tracking_uri is not None:
            mlflow.set_tracking_uri(config.tracking_uri)
        mlflow.set_experiment(config.experiment)
        with mlflow.start_run(run_name=facts.name):
            parameters = list(flat_config(facts.config).items())
            for start in range(0, len(parameters), _PARAMETERS_AT_ONCE):
                chosen = parameters[start : start + _PARAMETERS_AT_ONCE]
                mlflow.log_params({name: value[:_LONGEST_VALUE] for name, value in chosen})
            for step, metrics in _epoch_metrics(facts):
                mlflow.log_metrics(metrics, step=step)
            mlflow.log_metrics(_final_metrics(facts))
            for file in (
                run.config_file,
                run.metrics_file,
                run.environment_file,
                run.history_file,
                run.class_names_file,
                run.calibration_file,
                run.split_file,
                run.path / REPORT_FILE,
            ):
                if file.is_file():
                    mlflow.log_artifact(str(file))
            folders = {part: run.path / part for part in NAME_IN_RESULT.values()}
            for name, folder in {**folders, "figures": run.figures}.items():
                if folder.is_dir():
                    mlflow.log_artifacts(str(folder), name)
            mlflow.log_artifact(str(run.model_file), "model")


def _epoch_metrics(facts: RunFacts) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield each epoch with its finite metrics."""
    for row in facts.history.to_dict("records"):
        numbers = {
            str(name): float(value)
            for name, value in row.items()
            if name != "epoch" and isinstance(value, int | float) and np.isfinite(value)
        }
        if numbers:
            yield int(row["epoch"]), numbers


def _final_metrics(facts: RunFacts) -> dict[str, float]:
    """Return scores of each part, with the ends of their intervals and the baseline's score."""
    found: dict[str, float] = {}
    for part in NAME_IN_RESULT.values():
        scores = facts.results.get(part, {})
        found |= {f"{part}.{name}": float(value) for name, value in scores.items()}
        for name, (low, high) in facts.results.get("intervals", {}).get(part, {}).items():
            found |= {f"{part}.{name}.low": float(low), f"{part}.{name}.high": float(high)}
        baseline = facts.results.get("baseline", {}).get(part)
        if baseline:
            found[f"baseline.{part}.macro_f1"] = float(baseline["macro_f1"])
    return found
