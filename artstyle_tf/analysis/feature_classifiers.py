"""Classifiers of features: searched on the training pictures, measured on the others, kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analyzed_images import AnalyzedPictures
from artstyle_tf.analysis.classifier_files import save_classifier
from artstyle_tf.analysis.classifier_search import FoundClassifier, search_classifier
from artstyle_tf.analysis.classifiers import CLASSIFIER_IN_WORDS
from artstyle_tf.analysis.settings import ClassifiersConfig
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.uncertainty import classification_intervals
from artstyle_tf.plots.score_intervals import plot_score_intervals
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.runs.run_directory import NAME_IN_RESULT
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.progress import Reporter

_TIMED_ROWS = 256


def train_classifiers(
    pictures: AnalyzedPictures,
    settings: ClassifiersConfig,
    *,
    seed: int,
    folder: Path,
    figures: Path,
    title: str,
    reporter: Reporter,
) -> dict[str, Any]:
    """Searches, fits, measures and saves every classifier that is asked for.

    Only training pictures are learnt from and decide about settings; validation and test pictures
    are predicted by what was found.

    Returns:
        Name of the classifier -> settings and scores, as JSON values.
    """
    train = pictures.only(pictures.is_train).dividable(
        num_folds=settings.num_folds,
        by_group=settings.by_group,
        what="classifiers of features",
        reporter=reporter,
    )
    if train is None:
        return {}
    # What they have never seen they cannot name: no score is made of it.
    pictures = pictures.only(np.isin(pictures.labels, np.unique(train.labels)))
    folds = train.folds(num_folds=settings.num_folds, by_group=settings.by_group, seed=seed)
    results: dict[str, Any] = {}
    for name in settings.names:
        found = search_classifier(
            name,
            train.features,
            train.labels,
            folds,
            is_copy=train.is_copy,
            groups=train.groups,
            num_draws=settings.num_draws,
            seed=seed,
            reporter=reporter,
        )
        results[name] = _measure_and_write(pictures, found, folder=folder / name)
        validation = results[name].get("validation")
        said = f", validation {validation['macro_f1']:.3f}" if validation else ""
        reporter.info(
            f"{CLASSIFIER_IN_WORDS[name]}: macro-F1 on folds {found.fold_macro_f1:.3f}{said} "
            f"({found.search_seconds + found.fit_seconds:.0f} s)"
        )
    if results:
        save_figure(_plot(results, title), figures / "classifiers.png")
    return results


def _measure_and_write(
    pictures: AnalyzedPictures, found: FoundClassifier, *, folder: Path
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "settings": found.settings,
        "fold_macro_f1": found.fold_macro_f1,
        "intervals": {},
        "search_seconds": round(found.search_seconds, 2),
        "fit_seconds": round(found.fit_seconds, 3),
        "milliseconds_a_picture": _milliseconds(found, pictures.features),
    }
    for split, name in NAME_IN_RESULT.items():
        # Where there is no training split everything was learnt from.
        chosen = (pictures.rows["split"] == split).to_numpy() & ~pictures.is_train
        if not chosen.any():
            continue
        part = pictures.only(chosen)
        predicted = np.asarray(found.pipeline.predict(part.features))
        num_classes = len(part.class_names)
        result[name] = classification_summary(part.labels, predicted, num_classes=num_classes)
        confusion = confusion_matrix(part.labels, predicted, num_classes=num_classes)
        result["intervals"][name] = classification_intervals(confusion)
        table = pd.DataFrame(
            {
                "path": part.rows["source"],
                "label": part.rows["label"],
                "prediction": np.array(part.class_names)[predicted],
            }
        )
        write_text(folder / name / "predictions.csv", csv_text(table))
    write_text(folder / "draws.csv", csv_text(found.draws, float_format="%.6g"))
    file = folder / "classifier.skops"
    save_classifier(file, found.pipeline)
    result["size_bytes"] = file.stat().st_size
    write_json(folder / "classifier.json", {"class_names": list(pictures.class_names), **result})
    return result


def _milliseconds(found: FoundClassifier, features: np.ndarray) -> float:
    """What a prediction takes after the features are there: the best of three."""
    rows = features[:_TIMED_ROWS]
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        found.pipeline.predict(rows)
        taken.append(time.perf_counter() - started)
    return round(1000 * min(taken) / len(rows), 4)


def _plot(results: dict[str, Any], title: str) -> Any:
    rows = {}
    for name, result in results.items():
        marks = [
            (part, result[part]["macro_f1"], result["intervals"][part]["macro_f1"])
            for part in NAME_IN_RESULT.values()
            if part in result
        ]
        marks.append(("folds of training pictures", result["fold_macro_f1"], None))
        rows[CLASSIFIER_IN_WORDS[name]] = marks
    return plot_score_intervals(
        rows, xlabel="Macro-F1; lines: 95 % intervals", title=f"{title}: classifiers of features"
    )
