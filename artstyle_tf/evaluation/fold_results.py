"""What the folds of a cross-validation say together: scores, spread, baseline and gap."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
"""What the exact test counts: images that were not divided, or a single one."""

SCHEME_IN_WORDS = {"random": "random folds", "group": "folds without a common group"}


@dataclass(frozen=True)
class SchemeResult:
    """All images, each predicted by a network that has not learned from it.

    Attributes:
        scheme: "random" or "group".
        clusters: int [N], images that were not divided; the intervals treat them as one.
        folds: int [R, N], which fold each image was in, for each repeat.
        probabilities: float32 [R, N, C].
        is_accepted: bool [R, N], whether the network answers.
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
    """Puts the folds of each repeat together.

    Args:
        scheme: of all folds.
        clusters: int [N].
        repeats: R times the results of all folds.
    """
    numbers = [
        [np.full(len(fold.positions), number) for number, fold in enumerate(folds)]
        for folds in repeats
    ]

    def pooled(name: str) -> np.ndarray:
        values = [[getattr(fold, name) for fold in folds] for folds in repeats]
        return np.stack([_in_order(*pair) for pair in zip(repeats, values, strict=True)])

    return SchemeResult(
        scheme=scheme,
        clusters=clusters,
        folds=np.stack([_in_order(*pair) for pair in zip(repeats, numbers, strict=True)]),
        probabilities=pooled("probabilities"),
        is_accepted=pooled("is_accepted"),
        baseline_predictions=pooled("baseline_predictions"),
    )


def _in_order(folds: Sequence[FoldResult], values: Sequence[np.ndarray]) -> np.ndarray:
    """The values of all folds, in the order of the images."""
    positions = np.concatenate([fold.positions for fold in folds])
    return np.concatenate(values)[np.argsort(positions)]


def summarize_scheme(result: SchemeResult, labels: np.ndarray) -> dict[str, Any]:
    """Scores of one scheme, as JSON values.

    Args:
        result: of the scheme.
        labels: int [N].

    Returns:
        Means over the repeats of the scores of all images pooled; macro_f1_interval, for which
        a cluster counts as a whole; folds, with macro_f1 of each fold, mean and standard
        deviation; baseline, with its macro_f1 and what the trained network is better by; answers,
        with accuracy and coverage if only confident images are answered.
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
    means = {name: _mean(scores[name] for scores in repeats) for name in repeats[0]}
    of_images: dict[str, Any] = {"num_classes": num_classes, "clusters": result.clusters}
    trained, baseline = list(result.predictions), list(result.baseline_predictions)
    better_by = compare_models(labels, trained, baseline, **of_images)
    return {
        **means,
        "macro_f1_interval": macro_f1_interval(labels, trained, **of_images),
        "repeats": [scores["macro_f1"] for scores in repeats],
        "folds": _spread(result, labels),
        "baseline": {
            "macro_f1": _mean(baselines),
            "macro_f1_interval": macro_f1_interval(labels, baseline, **of_images),
            "trained_against_baseline": dataclasses.asdict(better_by),
            "outcome": outcome(better_by),
            "verdict": verdict(better_by, ["the trained model", "the baseline"], unit=UNIT),
        },
        "answers": _answers(result, labels),
    }


def compare_schemes(first: SchemeResult, second: SchemeResult, labels: np.ndarray) -> Difference:
    """What the first scheme scores above the second, on the same images.

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
    """What a random split hides, in plain words."""
    low, high = (100.0 * end for end in gap.interval)
    points = 100.0 * gap.difference
    if not gap.is_significant:
        return (
            "random folds and folds without a common group cannot be told apart"
            f"{inconclusive_reason(gap, gap.p_value, UNIT)}: "
            f"difference {points:.1f} points of macro-F1, interval {low:.1f} to {high:.1f}"
        )
    if points < 0:
        return (
            f"random folds score {-points:.1f} points of macro-F1 less than folds without a common "
            f"group, interval {-high:.1f} to {-low:.1f}; a random split hides nothing"
        )
    return (
        f"a random split hides {points:.1f} points of macro-F1, interval {low:.1f} to {high:.1f}: "
        "of groups it has not seen the model knows less"
    )


def fold_table(results: Sequence[SchemeResult], images: pd.DataFrame) -> pd.DataFrame:
    """Which fold each image was in: path, label, group and one column a scheme and repeat."""
    table = images[["source", "label", "group"]].rename(columns={"source": "path"})
    for result in results:
        for repeat, folds in enumerate(result.folds):
            table[f"{result.scheme}_{repeat + 1}"] = folds + 1
    return table


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
        "mean": _mean(scores),
        "standard_deviation": float(np.std(scores, ddof=1)),
    }


def _answers(result: SchemeResult, labels: np.ndarray) -> dict[str, Any]:
    is_right = (result.predictions == labels)[result.is_accepted]
    return {
        "coverage": float(result.is_accepted.mean()),
        "accuracy": float(is_right.mean()) if is_right.size else None,
    }


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))


def scheme_column(scores: dict[str, Any]) -> dict[str, str]:
    """A scheme's column of the printed table."""
    folds, baseline, answers = scores["folds"], scores["baseline"], scores["answers"]

    def with_interval(entry: dict[str, Any]) -> str:
        low, high = entry["macro_f1_interval"]
        return f"{entry['macro_f1']:.3f} ({low:.3f}-{high:.3f})"

    # The validation part of a fold may be too small for a threshold to be claimed.
    answered = "none, no threshold"
    if answers["accuracy"] is not None:
        answered = f"{answers['coverage']:.1%}, {answers['accuracy']:.1%}"
    return {
        "macro-F1, pooled": with_interval(scores),
        "baseline, pooled": with_interval(baseline),
        "mean and spread of folds": f"{folds['mean']:.3f} +- {folds['standard_deviation']:.3f}",
        "accuracy": f"{scores['accuracy']:.3f}",
        "macro precision": f"{scores['macro_precision']:.3f}",
        "macro recall": f"{scores['macro_recall']:.3f}",
        "expected calibration error": f"{scores['expected_calibration_error']:.3f}",
        "answered, and right": answered,
    }
