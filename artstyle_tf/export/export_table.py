"""All formats of an export side by side: size, speed, agreement with the Keras model."""

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
    Answering,
    answer_all,
    compare_answers,
    images_per_second,
    size_bytes,
)
from artstyle_tf.export.serving_signature import PIXELS
from artstyle_tf.runs.run_images import LabeledImages
from artstyle_tf.runs.served_run import Answers, ServedRun, keras_network
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

KERAS = "keras"
SAVED_MODEL = "saved_model"


@dataclass(frozen=True)
class _Row:
    """A format that was tried.

    Attributes:
        size_mb: of its files, in 10^6 bytes.
        agreement: with the Keras model.
        refused: why it was removed again; None if it stays.
    """

    size_mb: float
    agreement: Agreement
    refused: str | None = None


class ExportTable:
    """Writes formats, compares each with the Keras model, and keeps what is close enough.

    Args:
        run: that is exported.
        validation: images on which formats are compared.
        max_macro_f1_drop: a format that loses more is refused.
        reporter: told what comes out.
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
        self._largest_loss = max_macro_f1_drop
        self._reporter = reporter
        self._answering: dict[str, Answering] = {
            KERAS: run.answering_by(keras_network(run.network))
        }
        self._expected = answer_all(self._answering[KERAS], validation.images)
        self._rows: dict[str, _Row] = {}

    def add_model_file(self, file: Path) -> None:
        """Add the Keras model, with which all others are compared."""
        self._add(KERAS, file, self._answering[KERAS])

    def add_saved_model(self, folder: Path) -> None:
        """Add a SavedModel that has been written."""
        with quiet_conversion():  # which warns that nobody can differentiate it
            from_pixels = tf.saved_model.load(str(folder)).signatures["from_pixels"]

        def answer(images: np.ndarray) -> Answers:
            said = {key: value.numpy() for key, value in from_pixels(**{PIXELS: images}).items()}
            return Answers(said["probabilities"], said.get("accepted"), said["embedding"])

        self._add(SAVED_MODEL, folder, answer)

    def add_format(
        self,
        name: str,
        form: ExportFormat,
        network: FrozenGraph,
        folder: Path,
        training_images: Images,
    ) -> None:
        """Write a format into a folder of its own, and removes it again if it is not as good."""
        self._reporter.info(f"Writing {name}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        file = form.write(network, folder, training_images)
        self._add(name, folder, self._run.answering_by(form.open(file)))
        refused = self._rows[name].refused
        if refused is not None:
            del self._answering[name]
            shutil.rmtree(folder)
            self._reporter.warn(f"{name} is refused: {refused}")

    def table(self, *, num_rounds: int) -> pd.DataFrame:
        """One row a format, with the speeds measured side by side.

        Args:
            num_rounds: of one batch each.

        Returns:
            Columns format, size_mb, images_per_second, times_keras, labels_as_keras,
            largest_difference, macro_f1, refused.
        """
        self._reporter.info("Timing the formats side by side")
        speeds = images_per_second(self._answering, self._validation.images, num_rounds=num_rounds)
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
                    "refused": row.refused,
                }
                for name, row in self._rows.items()
            ]
        )

    def _add(self, name: str, path: Path, answering: Answering) -> None:
        probabilities = answer_all(answering, self._validation.images)
        agreement = compare_answers(probabilities, self._expected, self._validation.labels)
        refused = None
        if agreement.macro_f1_lost > self._largest_loss:
            refused = (
                f"macro-F1 on validation falls from {agreement.macro_f1_of_keras:.3f} to "
                f"{agreement.macro_f1:.3f}; {self._largest_loss:g} is allowed"
            )
        self._answering[name] = answering
        self._rows[name] = _Row(size_bytes(path) / 1e6, agreement, refused)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)
