"""Evaluation of a model on images, shared by training and `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.images.split_images import SplitImages, class_ids
from artstyle_tf.metrics.acceptance_threshold import risk_coverage
from artstyle_tf.metrics.calibration import (
    Calibration,
    calibration_intervals,
    calibration_summary,
    probabilities_of,
    reliability,
)
from artstyle_tf.metrics.classification import (
    classification_summary,
    confusion_matrix,
    per_class_report,
)
from artstyle_tf.metrics.proportions import Interval
from artstyle_tf.metrics.uncertainty import classification_intervals, per_class_intervals
from artstyle_tf.plots.calibration import plot_calibration
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.image_rows import choose_for_gallery, plot_image_rows
from artstyle_tf.plots.per_class_scores import plot_per_class_scores
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.finite_numbers import check_finite


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a model for some images, and their scores.

    Attributes:
        metrics: macro_f1, accuracy, macro_precision, macro_recall, and scores of the kind of model.
        intervals: 95 % interval of each metric; see `metrics.uncertainty`.
        per_class: precision, recall, F1, each with its interval, and support of each class.
        confusion: int [C, C], rows are the true classes.
        predictions: one row an image: path, label, prediction, confidence, whether it is accepted
            (if the run is calibrated), a probability a class.
        reliability: see `metrics.calibration`.
        risk_coverage: see `metrics.acceptance_threshold`.
    """

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    per_class: pd.DataFrame
    confusion: np.ndarray
    predictions: pd.DataFrame
    reliability: pd.DataFrame
    risk_coverage: pd.DataFrame


def evaluate_logits(
    logits: np.ndarray,
    images: SplitImages,
    class_names: Sequence[str],
    calibration: Calibration | None,
) -> Evaluation:
    """Evaluate a classifier by its logits float [N, C]; see `evaluate_probabilities`."""
    temperature = 1.0 if calibration is None else calibration.temperature
    probabilities = probabilities_of(logits, temperature)
    accepted = accepted_by(calibration, probabilities)
    return evaluate_probabilities(probabilities, images, class_names, accepted=accepted)


def accepted_by(calibration: Calibration | None, probabilities: np.ndarray) -> np.ndarray | None:
    """Return which predictions a run accepts: bool [N]; None for a run without calibration."""
    return None if calibration is None else calibration.accepts(probabilities.max(axis=1))


def evaluate_probabilities(
    probabilities: np.ndarray,
    images: SplitImages,
    class_names: Sequence[str],
    *,
    accepted: np.ndarray | None,
) -> Evaluation:
    """Turn probabilities into predictions and score them.

    Args:
        probabilities: float [N, C].
        images: N images; predictions.csv names them by the `source` of their rows.
        class_names: in the order of the probabilities.
        accepted: bool [N], which predictions are accepted; None if that is unknown.

    Raises:
        NotFiniteError: if a probability is not finite.
    """
    labels, rows = images.labels, images.rows
    check_finite(
        probabilities,
        "the network's probabilities",
        names=rows["source"].to_list(),
        fix="train again, with a smaller learning rate",
    )
    predicted = probabilities.argmax(axis=1)
    predictions = pd.DataFrame(
        {
            "path": rows["source"].to_numpy(),
            "label": rows["label"].to_numpy(),
            "prediction": [class_names[number] for number in predicted],
            "confidence": probabilities.max(axis=1),
            **({} if accepted is None else {"accepted": accepted}),
            **{f"probability_{name}": probabilities[:, i] for i, name in enumerate(class_names)},
        }
    )
    confusion = confusion_matrix(labels, predicted, num_classes=len(class_names))
    return Evaluation(
        metrics={
            **classification_summary(labels, predicted, num_classes=len(class_names)),
            **calibration_summary(probabilities, labels),
        },
        intervals={
            **classification_intervals(confusion),
            **calibration_intervals(probabilities, labels),
        },
        per_class=pd.concat(
            [
                per_class_report(labels, predicted, class_names=class_names),
                per_class_intervals(confusion),
            ],
            axis=1,
        ),
        confusion=confusion,
        predictions=predictions,
        reliability=reliability(probabilities, labels),
        risk_coverage=risk_coverage(probabilities, labels),
    )


def write_evaluation(
    evaluation: Evaluation,
    images: SplitImages,
    class_names: Sequence[str],
    *,
    folder: Path,
    figures: Path,
    title: str,
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write metrics.json, predictions.csv, per_class.csv, confusion_matrix.csv and figures.

    Args:
        further: JSON values that metrics.json contains in addition to the scores.
    """
    scores = {**evaluation.metrics, "intervals": evaluation.intervals, **(further or {})}
    write_json(folder / "metrics.json", scores)
    predictions = csv_text(evaluation.predictions, float_format="%.6f")
    write_text(folder / "predictions.csv", predictions)
    write_text(folder / "per_class.csv", csv_text(evaluation.per_class))
    confusion = pd.DataFrame(evaluation.confusion, index=class_names, columns=class_names)
    write_text(folder / "confusion_matrix.csv", csv_text(confusion, index_label="label"))
    for normalized in (False, True):
        name = "confusion_matrix_normalized" if normalized else "confusion_matrix"
        figure = plot_confusion_matrix(
            evaluation.confusion, class_names, normalized=normalized, title=title
        )
        save_figure(figure, figures / f"{name}.png")
    save_figure(plot_per_class_scores(evaluation.per_class), figures / "per_class_scores.png")
    write_text(folder / "reliability.csv", csv_text(evaluation.reliability))
    write_text(folder / "risk_coverage.csv", csv_text(evaluation.risk_coverage))
    calibration = plot_calibration(
        evaluation.reliability,
        evaluation.risk_coverage,
        error=evaluation.metrics["expected_calibration_error"],
        title=title,
    )
    save_figure(calibration, figures / "calibration.png")
    gallery = _plot_gallery(evaluation, images, class_names, title=title)
    save_figure(gallery, figures / "gallery.png")


def _plot_gallery(
    evaluation: Evaluation, images: SplitImages, class_names: Sequence[str], *, title: str
) -> Figure:
    predictions = evaluation.predictions
    labels = images.labels
    rows = choose_for_gallery(
        labels,
        class_ids(predictions["prediction"], class_names),
        predictions["confidence"].to_numpy(),
    )
    named = list(zip(predictions["prediction"], predictions["confidence"], strict=True))
    correct = (predictions["prediction"] == predictions["label"]).tolist()
    return plot_image_rows(
        [[images.store.load(n).numpy() for n in row] for row in rows],
        [[(f"{named[n][0]} {named[n][1]:.2f}", correct[n]) for n in row] for row in rows],
        [class_names[int(labels[row[0]])] for row in rows],
        title=f"{title}: errors first, then the least confident",
    )


def format_metrics(
    metrics: dict[str, dict[str, float]], intervals: dict[str, dict[str, Interval]]
) -> str:
    """Format a table: one row a metric, one column a data set, each score with its interval.

    Args:
        metrics: name of the data set -> name of the metric -> score.
        intervals: likewise -> both ends.
    """
    cells = {
        name: {
            _readable(metric): _with_interval(score, intervals[name].get(metric))
            for metric, score in scores.items()
        }
        for name, scores in metrics.items()
    }
    return pd.DataFrame(cells).to_string(na_rep="")


def summarize_calibration(calibration: dict[str, Any]) -> str:
    """Return the effect of the acceptance threshold as a line."""
    accuracy = f"{calibration['target_accuracy']:.0%}"
    if calibration["threshold"] is None:
        reason = calibration.get("reason") or "no confidence is high enough on validation"
        return (
            f"Abstain:  no threshold for {accuracy} accuracy, no prediction is accepted: {reason}"
        )
    return (
        f"Abstain:  at {accuracy} accuracy {calibration['coverage']:.0%} of the predictions for "
        f"validation images are accepted (confidence from {calibration['threshold']:.2f})"
    )


def _readable(metric: str) -> str:
    return metric.replace("_", " ").replace(" f1", "-F1").replace("map at r", "MAP@R")


def _with_interval(value: float, interval: Interval | None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")
