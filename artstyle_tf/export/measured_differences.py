"""Measure how the served model's predictions on raw files differ from those on prepared ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from artstyle_tf.export.formats.export_format import quiet_conversion
from artstyle_tf.export.other_files import files_of_other_kinds
from artstyle_tf.export.served_signature import IMAGE_BYTES, OK
from artstyle_tf.export.serving_signature import PIXELS
from artstyle_tf.images.preparation.image_writing import prepare_bytes
from artstyle_tf.images.reading.decoding import decode_image, resize_image
from artstyle_tf.runs.labeled_images import read_own_images
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.markdown import markdown_text

NUM_IMAGES = 8

_INTRODUCTION = (
    "`predict.py` prepares each image before prediction; the served model takes raw files and "
    "omits some of these steps: it does not apply color profiles, does not downscale large images "
    "before it resizes them, uses the upper 8 of 16 bits, and has another JPEG decoder. "
    "`predict.py --url` prepares images before it sends them."
)

Answer = Callable[..., Mapping[str, tf.Tensor]]


def measure_differences(
    run: ServedRun, run_directory: RunDirectory, saved_model: Path
) -> pd.DataFrame | str:
    """Predict validation images as raw files of several kinds, and as prepared images.

    Args:
        run: that is exported.
        run_directory: of the run; its validation images are used.
        saved_model: folder of the version.

    Returns:
        Columns file, images, predicted, same_label, largest_difference; or the reason why the
        images cannot be read.
    """
    try:
        images = read_own_images(run_directory, "val", most=NUM_IMAGES).images
    except ArtstyleError as error:
        return " ".join(str(error).split())
    with quiet_conversion():  # TensorFlow warns that the model has no gradients
        signatures = tf.saved_model.load(str(saved_model)).signatures
    kinds = [files_of_other_kinds(image, max_side_px=run.max_side_px) for image in images]
    return pd.DataFrame(
        [_compare(kind, [files[kind] for files in kinds], run, signatures) for kind in kinds[0]]
    )


def describe_differences(measured: pd.DataFrame | str) -> str:
    """Format the measured differences, or the reason why there are none, as Markdown."""
    title = "## Differences from prepared images"
    if isinstance(measured, str):
        reason = markdown_text(measured)
        return f"{title}\n{_INTRODUCTION}\n\nThe effect was not measured: {reason}"
    rows = [
        f"| {row.file} | {row.predicted} of {row.images} | {row.same_label} | "
        f"{row.largest_difference:.1e} |"
        for row in measured.itertuples()
    ]
    table = ["| file | predicted | same label | largest difference of a probability |"]
    table += ["|---|---|---|---|", *rows]
    count = int(measured["images"].max())
    return "\n".join(
        [
            title,
            f"{_INTRODUCTION} Measured with {count} validation images, each encoded as such a "
            "file and compared with the prediction for the prepared image:",
            "",
            *table,
        ]
    )


def _compare(
    kind: str, files: Sequence[bytes], run: ServedRun, signatures: Mapping[str, Answer]
) -> dict[str, object]:
    served = signatures["serving_default"](**{IMAGE_BYTES: tf.constant(list(files))})
    prepared = [prepare_bytes(content, max_side_px=run.max_side_px) for content in files]
    pixels = [
        resize_image(
            decode_image(tf.constant(content)),
            image_size_px=run.image_size_px,
            aspect=run.aspect,
        )
        for content in prepared
    ]
    expected = signatures["from_pixels"](**{PIXELS: tf.cast(tf.stack(pixels), tf.float32)})
    is_ok = served["status"].numpy() == OK.encode()
    found = served["probabilities"].numpy()[is_ok]
    target = expected["probabilities"].numpy()[is_ok]
    return {
        "file": kind,
        "images": len(files),
        "predicted": int(is_ok.sum()),
        "same_label": int((found.argmax(axis=1) == target.argmax(axis=1)).sum()),
        "largest_difference": float(np.abs(found - target).max(initial=0.0)),
    }
