"""What TensorBoard shows of a finished run beside its scalars: confusion matrix and projector."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from artstyle_tf.inspection.thumbnails import read_thumbnail
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.theme import house_style
from artstyle_tf.report.atlas_points import read_kept_features
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.run_facts import RunFacts, confusion_counts
from artstyle_tf.report.run_reading import read_run_facts
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.files import replaced_atomically, write_text

RESULTS_FOLDER = "results"
"""Of the run's TensorBoard folder; what TensorBoard calls a run of its own."""

CONFIG_FILE = "projector_config.pbtxt"

_SPRITE_PX = 48
_MOST_POINTS = 10_000  # as many as the projector takes; the sprites stay below 8192 px a side


def write_tensorboard_results(run: RunDirectory, folder: Path) -> None:
    """Writes them into a folder of their own.

    Args:
        run: directory of a finished run.
        folder: of the run's event files.
    """
    facts = read_run_facts(run)
    _write_confusion_matrix(facts, folder / RESULTS_FOLDER)
    _write_projector(run, facts, folder / RESULTS_FOLDER)


def _write_confusion_matrix(facts: RunFacts, folder: Path) -> None:
    import tensorflow as tf

    title = f"{facts.name}: {facts.judged.part}"
    with house_style():
        figure = plot_confusion_matrix(
            confusion_counts(facts.judged, facts.class_names),
            facts.class_names,
            normalized=False,
            title=title,
        )
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=100)
    pixels = np.asarray(Image.open(drawn).convert("RGB"))
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        name = f"confusion_matrix/{facts.judged.part}"
        tf.summary.image(name, pixels[None], step=int(facts.results.get("best_epoch") or 0))
    writer.close()


def _write_projector(run: RunDirectory, facts: RunFacts, folder: Path) -> None:
    """Vectors, what they belong to, and small images, in the form of the projector."""
    # Part of TensorBoard, which is optional.
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    kept = read_kept_features(run, facts)
    rows, features = kept.rows.iloc[:_MOST_POINTS], kept.features[:_MOST_POINTS]
    write_text(folder / "tensors.tsv", _tsv(features.tolist()))
    predictions = facts.judged.predictions.set_index("path")["prediction"]
    said = rows["path"].map(predictions).fillna("")
    table = pd.DataFrame(
        {
            "style": rows["label"],
            "prediction": said,
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
    write_text(folder / CONFIG_FILE, text_format.MessageToString(config))


def _write_sprites(file: Path, paths: Sequence[str], images: PreparedFiles) -> bool:
    """All images in one, row by row; whether there is any."""
    if not images.known(paths):
        return False
    side = math.ceil(math.sqrt(len(paths)))
    sheet = Image.new("RGB", (side * _SPRITE_PX, side * _SPRITE_PX))
    known = set(images.known(paths))
    for number, path in enumerate(paths):
        image = None
        if path in known:
            image = read_thumbnail(images.of(path), side_px=_SPRITE_PX)
        if image is not None:
            place = (number % side * _SPRITE_PX, number // side * _SPRITE_PX)
            sheet.paste(Image.fromarray(image), place)
    with replaced_atomically(file) as temporary:
        sheet.save(temporary)
    return True


def _tsv(rows: Sequence[Sequence[object]]) -> str:
    """Tabs between cells; a cell that has one itself loses it."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
    writer.writerows([" ".join(str(cell).split()) for cell in row] for row in rows)
    return written.getvalue().replace("\r\n", "\n")
