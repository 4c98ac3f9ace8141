"""Table of all formats of an export: size, speed, agreement with the Keras model."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from artstyle_tf.export.formats.export_format import ExportFormat, Images, quiet_conversion
from artstyle_tf.export.measurement import (
    Agreement,
    Predictor,
    compare_predictions,
    images_per_second,
    predict_all,
    size_bytes,
)
from artstyle_tf.export.serving_signature import PIXELS
from artstyle_tf.runs.labeled_images import LabeledImages
from artstyle_tf.runs.served_run import Predictions, ServedRun, keras_network
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

KERAS = "keras"
SAVED_MODEL = "saved_model"


@dataclass(frozen=True)
class _Row:
    """One format of the table.

    Attributes:
        size_mb: of its files, in 10^6 bytes.
        agreement: with the Keras model.
        rejected: why it was removed; None if it was kept.
    """

    size_mb: float
    agreement: Agreement
    rejected: str | None = None


class ExportTable:
    """Write formats, compare each with the Keras model, and keep those that are close enough.

    Args:
        run: that is exported.
        validation: images on which formats are compared.
        max_macro_f1_drop: a format that loses more is rejected.
        reporter: for progress and rejections.
    """

    def __init__(
        self,
        run: ServedRun,
        validation: LabeledImages,
        *,
        max_macro_f1_drop: float,
        reporter: Reporter,
    ) -> None:
        self._run = run
        self._validation = validation
        self._max_drop = max_macro_f1_drop
        self._reporter = reporter
        self._predictor: dict[str, Predictor] = {
            KERAS: run.predicting_with(keras_network(run.network))
        }
        self._expected = predict_all(self._predictor[KERAS], validation.images)
        self._rows: dict[str, _Row] = {}

    def add_model_file(self, file: Path) -> None:
        """Add the Keras model, with which all others are compared."""
        self._add(KERAS, file, self._predictor[KERAS])

    def add_saved_model(self, folder: Path) -> None:
        """Add a SavedModel that has been written."""
        with quiet_conversion():  # TensorFlow warns that the model has no gradients
            from_pixels = tf.saved_model.load(str(folder)).signatures["from_pixels"]

        def predict(images: np.ndarray) -> Predictions:
            outputs = {key: value.numpy() for key, value in from_pixels(**{PIXELS: images}).items()}
            return Predictions(
                outputs["probabilities"], outputs.get("accepted"), outputs["embedding"]
            )

        self._add(SAVED_MODEL, folder, predict)

    def add_format(
        self,
        name: str,
        form: ExportFormat,
        network: FrozenGraph,
        folder: Path,
        training_images: Images,
    ) -> None:
        """Write a format into a folder, and remove it if it loses too much."""
        self._reporter.info(f"Writing {name}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        file = form.write(network.inlined(), folder, training_images)
        self._add(name, folder, self._run.predicting_with(form.open(file)))
        rejected = self._rows[name].rejected
        if rejected is not None:
            del self._predictor[name]
            shutil.rmtree(folder)
            self._reporter.warn(f"{name} is rejected: {rejected}")

    def table(self, *, num_rounds: int) -> pd.DataFrame:
        """Return one row per format, with speeds measured side by side.

        Args:
            num_rounds: of one batch each.

        Returns:
            Columns format, size_mb, images_per_second, times_keras, labels_as_keras,
            largest_difference, macro_f1, rejected.
        """
        self._reporter.info("Timing the formats side by side")
        speeds = images_per_second(self._predictor, self._validation.images, num_rounds=num_rounds)
        return pd.DataFrame(
            [
                {
                    "format": name,
                    "size_mb": round(row.size_mb, 1),
                    "images_per_second": _rounded(speeds.get(name), 1),
                    "times_keras": _rounded(speeds.get(name, np.nan) / speeds[KERAS], 2),
                    "labels_as_keras": round(row.agreement.labels, 4),
                    "largest_difference": float(f"{row.agreement.largest_difference:.1e}"),
                    "macro_f1": round(row.agreement.macro_f1, 4),
                    "rejected": row.rejected,
                }
                for name, row in self._rows.items()
            ]
        )

    def _add(self, name: str, path: Path, predictor: Predictor) -> None:
        probabilities = predict_all(predictor, self._validation.images)
        agreement = compare_predictions(probabilities, self._expected, self._validation.labels)
        rejected = None
        if agreement.macro_f1_lost > self._max_drop:
            rejected = (
                f"macro-F1 on validation falls from {agreement.macro_f1_of_keras:.3f} to "
                f"{agreement.macro_f1:.3f}; {self._max_drop:g} is allowed"
            )
        self._predictor[name] = predictor
        self._rows[name] = _Row(size_bytes(path) / 1e6, agreement, rejected)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)
