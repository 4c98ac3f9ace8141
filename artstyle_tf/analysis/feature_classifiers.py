"""Classifiers of features: settings by random search, evaluated on held-out images, saved.

Settings are chosen on folds of images that are not related.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from artstyle_tf.analysis.analyzed_images import AnalyzedImages
from artstyle_tf.analysis.classifiers import (
    CLASSIFIER_IN_WORDS,
    build_classifier_pipeline,
    save_classifier,
)
from artstyle_tf.analysis.paths import AnalysisOutputs
from artstyle_tf.analysis.settings import ClassifiersConfig
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.uncertainty import classification_intervals
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.score_intervals import plot_score_intervals
from artstyle_tf.runs.run_directory import NAME_IN_RESULT
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.progress import SILENT, Reporter

CLASSIFIERS_FOLDER = "classifiers"
_TIMED_ROWS = 256


@dataclass(frozen=True)
class FoundClassifier:
    """A classifier with the settings that scored best on the folds.

    Attributes:
        name: one of `analysis.classifiers.CLASSIFIER_NAMES`.
        pipeline: fitted to all images of the search.
        settings: the best ones, as JSON values.
        fold_macro_f1: mean over the folds with these settings; the best of several, so that it is
            slightly optimistic.
        draws: one row a draw: its settings, mean and standard deviation over the folds, seconds.
        search_seconds: of the search.
        fit_seconds: of the last fit.
    """

    name: str
    pipeline: Pipeline
    settings: dict[str, Any]
    fold_macro_f1: float
    draws: pd.DataFrame
    search_seconds: float
    fit_seconds: float


def search_classifier(
    name: str,
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    is_copy: np.ndarray,
    groups: Sequence[FeatureGroup],
    num_candidates: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> FoundClassifier:
    """Try some settings on folds and fit the best to all images.

    Args:
        name: of the classifier.
        features: float [N, D].
        labels: int [N], class ids.
        folds: int [N], in [0, K); images that belong together are in one fold.
        is_copy: bool [N], augmented copies: used for training, never for scores.
        groups: of the features.
        num_candidates: settings to try.
        seed: of the draws and of the classifier.
        reporter: gets the progress.
    """
    splits = [
        (np.flatnonzero(folds != number), np.flatnonzero((folds == number) & ~is_copy))
        for number in np.unique(folds)
    ]
    pipeline, space = build_classifier_pipeline(
        name,
        groups=groups,
        num_images=min(len(train) for train, _ in splits),
        seed=seed,
    )
    done = reporter.track(
        range(num_candidates * len(splits)),
        total=num_candidates * len(splits),
        description=f"Searching {CLASSIFIER_IN_WORDS[name]}",
        unit="fits",
    )

    def macro_f1(estimator: Any, x: np.ndarray, y: np.ndarray) -> float:
        next(done)  # where Ctrl-C is safe, too
        return float(f1_score(y, estimator.predict(x), average="macro", labels=np.unique(y)))

    search = RandomizedSearchCV(
        pipeline,
        space,
        n_iter=num_candidates,
        scoring=macro_f1,
        cv=splits,
        random_state=seed,
        error_score="raise",
    )
    started = time.monotonic()
    # A thousand images are too few to share: with several threads a fit waits for its threads
    # longer than they work, the more so on a busy machine.
    with threadpool_limits(1), _cached_transforms(pipeline), warnings.catch_warnings():
        # Settings with which a fit does not converge are scored like all others.
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(features, labels)
    search.best_estimator_.memory = None
    next(done, None)  # the last line of the progress report
    tried = pd.DataFrame(search.cv_results_["params"])
    return FoundClassifier(
        name=name,
        pipeline=search.best_estimator_,
        settings={key: _as_json(value) for key, value in search.best_params_.items()},
        fold_macro_f1=float(search.best_score_),
        draws=tried.assign(
            mean_macro_f1=search.cv_results_["mean_test_score"],
            standard_deviation=search.cv_results_["std_test_score"],
            fit_seconds=search.cv_results_["mean_fit_time"],
        ).sort_values("mean_macro_f1", ascending=False),
        search_seconds=time.monotonic() - started - search.refit_time_,
        fit_seconds=float(search.refit_time_),
    )


@contextlib.contextmanager
def _cached_transforms(pipeline: Pipeline) -> Iterator[None]:
    """Cache scaling and components of a fold for all settings that share them."""
    with tempfile.TemporaryDirectory(prefix="artstyle-") as folder:
        pipeline.memory = joblib.Memory(folder, verbose=0)
        yield


def _as_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def train_classifiers(
    images: AnalyzedImages,
    settings: ClassifiersConfig,
    outputs: AnalysisOutputs,
    *,
    seed: int,
    reporter: Reporter,
) -> dict[str, Any]:
    """Search, fit, evaluate and save every configured classifier.

    Only training images are used to fit and to choose settings; validation and test images are
    predicted by the result.

    Returns:
        Name of the classifier -> settings and scores, as JSON values.
    """
    train = images.only(images.is_train).dividable(
        settings, what="classifiers of features", reporter=reporter
    )
    if train is None:
        return {}
    # Styles that classifiers were not trained on do not count in scores.
    images = images.only(np.isin(images.labels, np.unique(train.labels)))
    folds = train.folds(settings, seed=seed)
    results: dict[str, Any] = {}
    for name in settings.names:
        found = search_classifier(
            name,
            train.features,
            train.labels,
            folds,
            is_copy=train.is_copy,
            groups=train.groups,
            num_candidates=settings.num_candidates,
            seed=seed,
            reporter=reporter,
        )
        results[name] = _measure_and_write(
            images, found, folder=outputs.folder / CLASSIFIERS_FOLDER / name
        )
        validation = results[name].get("validation")
        on_validation = f", validation {validation['macro_f1']:.3f}" if validation else ""
        reporter.info(
            f"{CLASSIFIER_IN_WORDS[name]}: macro-F1 on folds "
            f"{found.fold_macro_f1:.3f}{on_validation} "
            f"({found.search_seconds + found.fit_seconds:.0f} s)"
        )
    if results:
        save_figure(_plot(results, outputs.title), outputs.figures / "classifiers.png")
    return results


def _measure_and_write(
    images: AnalyzedImages, found: FoundClassifier, *, folder: Path
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "settings": found.settings,
        "fold_macro_f1": found.fold_macro_f1,
        "intervals": {},
        "search_seconds": round(found.search_seconds, 2),
        "fit_seconds": round(found.fit_seconds, 3),
        "milliseconds_per_image": _milliseconds(found, images.features),
    }
    for split, name in NAME_IN_RESULT.items():
        # Without a training split all images were used to fit.
        chosen = (images.rows["split"] == split).to_numpy() & ~images.is_train
        if not chosen.any():
            continue
        part = images.only(chosen)
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
    write_json(folder / "classifier.json", {"class_names": list(images.class_names), **result})
    return result


def _milliseconds(found: FoundClassifier, features: np.ndarray) -> float:
    """Return the time of a prediction from computed features: the best of three."""
    rows = features[:_TIMED_ROWS]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        found.pipeline.predict(rows)
        times.append(time.perf_counter() - started)
    return round(1000 * min(times) / len(rows), 4)


def _plot(results: dict[str, Any], title: str) -> Any:
    rows = {}
    for name, result in results.items():
        marks = [
            (part, result[part]["macro_f1"], result["intervals"][part]["macro_f1"])
            for part in NAME_IN_RESULT.values()
            if part in result
        ]
        marks.append(("cross-validation on training images", result["fold_macro_f1"], None))
        rows[CLASSIFIER_IN_WORDS[name]] = marks
    return plot_score_intervals(
        rows, xlabel="Macro-F1 with 95 % interval", title=f"{title}: classifiers of features"
    )
