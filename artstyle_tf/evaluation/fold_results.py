"""The results of all folds of a cross-validation: scores, spread, baseline and gap."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.evaluation.fold_training import FoldResult
from artstyle_tf.metrics.calibration import calibration_summary
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.comparison import (
    Difference,
    compare_models,
    inconclusive_reason,
    outcome,
    verdict,
)
from artstyle_tf.metrics.uncertainty import macro_f1_interval

UNIT = "groups of images"
"""Unit of the exact test: images that were not divided, or a single one."""

SCHEME_IN_WORDS = {"random": "random folds", "group": "folds without a common group"}


@dataclass(frozen=True)
class SchemeResult:
    """Out-of-fold predictions for all images.

    Attributes:
        scheme: "random" or "group".
        clusters: int [N], equal for images that were not divided; intervals treat them as one.
        folds: int [R, N], the fold of each image, for each repeat.
        probabilities: float32 [R, N, C].
        is_accepted: bool [R, N], whether the confidence reaches the threshold.
        baseline_predictions: int [R, N].
    """

    scheme: str
    clusters: np.ndarray
    folds: np.ndarray
    probabilities: np.ndarray
    is_accepted: np.ndarray
    baseline_predictions: np.ndarray

    @property
    def predictions(self) -> np.ndarray:
        """Class ids int [R, N]."""
        return self.probabilities.argmax(axis=2)


def pool(
    scheme: str, clusters: np.ndarray, repeats: Sequence[Sequence[FoldResult]]
) -> SchemeResult:
    """Pool the results of all folds of R repeats; `clusters` are int [N]."""

    def pooled(values_of: Callable[[int, FoldResult], np.ndarray]) -> np.ndarray:
        rows = []
        for folds in repeats:
            positions = np.concatenate([fold.positions for fold in folds])
            values = [values_of(number, fold) for number, fold in enumerate(folds)]
            rows.append(np.concatenate(values)[np.argsort(positions)])
        return np.stack(rows)

    return SchemeResult(
        scheme=scheme,
        clusters=clusters,
        folds=pooled(lambda number, fold: np.full(len(fold.positions), number)),
        probabilities=pooled(lambda _, fold: fold.probabilities),
        is_accepted=pooled(lambda _, fold: fold.is_accepted),
        baseline_predictions=pooled(lambda _, fold: fold.baseline_predictions),
    )


def summarize_scheme(result: SchemeResult, labels: np.ndarray) -> dict[str, Any]:
    """Compute the scores of one scheme, as JSON values, from its labels int [N].

    Returns:
        Means over the repeats of the scores of all images pooled; macro_f1_interval, for which
        a cluster counts as a whole; folds, with macro_f1 of each fold, mean and standard
        deviation; baseline, with its macro_f1 and the trained network compared with it;
        selective_prediction, with coverage and accuracy of the accepted predictions.
    """
    num_classes = result.probabilities.shape[2]
    repeats = [
        {
            **classification_summary(labels, predicted, num_classes=num_classes),
            **calibration_summary(probabilities, labels),
        }
        for predicted, probabilities in zip(result.predictions, result.probabilities, strict=True)
    ]
    baselines = [
        classification_summary(labels, predicted, num_classes=num_classes)["macro_f1"]
        for predicted in result.baseline_predictions
    ]
    of_images: dict[str, Any] = {"num_classes": num_classes, "clusters": result.clusters}
    trained, baseline = list(result.predictions), list(result.baseline_predictions)
    better_by = compare_models(labels, trained, baseline, **of_images)
    accepted = (result.predictions == labels)[result.is_accepted]
    return {
        **{name: float(np.mean([scores[name] for scores in repeats])) for name in repeats[0]},
        "macro_f1_interval": macro_f1_interval(labels, trained, **of_images),
        "repeats": [scores["macro_f1"] for scores in repeats],
        "folds": _spread(result, labels),
        "baseline": {
            "macro_f1": float(np.mean(baselines)),
            "macro_f1_interval": macro_f1_interval(labels, baseline, **of_images),
            "trained_against_baseline": dataclasses.asdict(better_by),
            "outcome": outcome(better_by),
            "verdict": verdict(better_by, ["the trained model", "the baseline"], unit=UNIT),
        },
        "selective_prediction": {
            "coverage": float(result.is_accepted.mean()),
            "accuracy": float(accepted.mean()) if accepted.size else None,
        },
    }


def _spread(result: SchemeResult, labels: np.ndarray) -> dict[str, Any]:
    scores = [
        classification_summary(
            labels[folds == number],
            predicted[folds == number],
            num_classes=result.probabilities.shape[2],
        )["macro_f1"]
        for folds, predicted in zip(result.folds, result.predictions, strict=True)
        for number in np.unique(folds)
    ]
    return {
        "macro_f1": scores,
        "mean": float(np.mean(scores)),
        "standard_deviation": float(np.std(scores, ddof=1)),
    }


def compare_schemes(first: SchemeResult, second: SchemeResult, labels: np.ndarray) -> Difference:
    """Compare two schemes on the same images.

    The clusters of the second count as wholes: they are the larger ones.
    """
    return compare_models(
        labels,
        list(first.predictions),
        list(second.predictions),
        num_classes=first.probabilities.shape[2],
        clusters=second.clusters,
    )


def describe_gap(gap: Difference) -> str:
    """Describe how much a random split overestimates the score on new groups."""
    low, high = (100.0 * end for end in gap.interval)
    points = 100.0 * gap.difference
    if not gap.is_significant:
        return (
            "random folds and folds without a common group do not differ significantly"
            f"{inconclusive_reason(gap, gap.p_value, UNIT)}: "
            f"difference {points:.1f} points of macro-F1, interval {low:.1f} to {high:.1f}"
        )
    if points < 0:
        return (
            f"random folds score {-points:.1f} points of macro-F1 less than folds without a common "
            f"group, interval {-high:.1f} to {-low:.1f}; a random split does not overestimate"
        )
    return (
        f"a random split overestimates macro-F1 by {points:.1f} points, interval {low:.1f} to "
        f"{high:.1f}: the model is worse on groups that it has not seen"
    )


def fold_table(results: Sequence[SchemeResult], images: pd.DataFrame) -> pd.DataFrame:
    """Return the fold of each image: path, label, group and one column a scheme and repeat."""
    table = images[["source", "label", "group"]].rename(columns={"source": "path"})
    for result in results:
        for repeat, folds in enumerate(result.folds):
            table[f"{result.scheme}_{repeat + 1}"] = folds + 1
    return table


def scheme_column(scores: dict[str, Any]) -> dict[str, str]:
    """Return a scheme's column of the printed table."""
    folds, baseline, accepted = (
        scores[name] for name in ("folds", "baseline", "selective_prediction")
    )

    def with_interval(entry: dict[str, Any]) -> str:
        low, high = entry["macro_f1_interval"]
        return f"{entry['macro_f1']:.3f} ({low:.3f}-{high:.3f})"

    # The validation part of a fold may be too small to set a threshold.
    selective = "no threshold"
    if accepted["accuracy"] is not None:
        selective = f"{accepted['coverage']:.1%}, {accepted['accuracy']:.1%}"
    return {
        "macro-F1, pooled": with_interval(scores),
        "baseline, pooled": with_interval(baseline),
        "mean and std over folds": f"{folds['mean']:.3f} +- {folds['standard_deviation']:.3f}",
        "accuracy": f"{scores['accuracy']:.3f}",
        "macro precision": f"{scores['macro_precision']:.3f}",
        "macro recall": f"{scores['macro_recall']:.3f}",
        "expected calibration error": f"{scores['expected_calibration_error']:.3f}",
        "coverage, accuracy of accepted": selective,
    }
