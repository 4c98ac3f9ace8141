"""Random search for the settings of a classifier, on folds of pictures that are not related."""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from artstyle_tf.analysis.classifiers import CLASSIFIER_IN_WORDS, build_classifier_pipeline
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.progress import SILENT, Reporter


@dataclass(frozen=True)
class FoundClassifier:
    """A classifier with the settings that did best on the folds.

    Attributes:
        name: one of `analysis.classifiers.CLASSIFIER_NAMES`.
        pipeline: fitted to all pictures of the search.
        settings: what was found, as JSON values.
        fold_macro_f1: mean over the folds, with these settings; chosen as the largest of several,
            so that it flatters a little.
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
    num_draws: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> FoundClassifier:
    """Tries some settings on folds and fits the best to everything.

    Args:
        name: of the classifier.
        features: float [N, D].
        labels: int [N], class ids.
        folds: int [N], in [0, K); what hangs together is in one fold.
        is_copy: bool [N], augmented copies: they are learnt from, and judge nothing.
        groups: of the features.
        num_draws: settings to try.
        seed: of the draws and of the classifier.
        reporter: where progress goes.
    """
    splits = [
        (np.flatnonzero(folds != number), np.flatnonzero((folds == number) & ~is_copy))
        for number in np.unique(folds)
    ]
    pipeline, space = build_classifier_pipeline(
        name,
        groups=groups,
        num_pictures=min(len(learnt) for learnt, _ in splits),
        seed=seed,
    )
    done = reporter.track(
        range(num_draws * len(splits)),
        total=num_draws * len(splits),
        description=f"Searching {CLASSIFIER_IN_WORDS[name]}",
        unit="fits",
    )

    def macro_f1(estimator: Any, x: np.ndarray, y: np.ndarray) -> float:
        next(done)  # where Ctrl-C is safe, too
        return float(f1_score(y, estimator.predict(x), average="macro", labels=np.unique(y)))

    search = RandomizedSearchCV(
        pipeline,
        space,
        n_iter=num_draws,
        scoring=macro_f1,
        cv=splits,
        random_state=seed,
        error_score="raise",
    )
    started = time.monotonic()
    # A thousand pictures are too few to share: with several threads a fit waits for its threads
    # longer than they work, the more so on a busy machine.
    with threadpool_limits(1), _kept_transforms(pipeline), warnings.catch_warnings():
        # Settings with which a fit does not come to its end are judged like all others.
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
def _kept_transforms(pipeline: Pipeline) -> Iterator[None]:
    """Scales a fold, and finds its components, once for all settings that have the same."""
    with tempfile.TemporaryDirectory(prefix="artstyle-") as folder:
        pipeline.memory = joblib.Memory(folder, verbose=0)
        yield


def _as_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
