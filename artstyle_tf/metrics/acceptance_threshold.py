"""Find the confidence from which predictions are accepted, if there are enough images to claim it.

Source: Geifman and El-Yaniv 2017, arXiv:1705.08500 (risk and coverage).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

_SIGNIFICANCE = 0.05
_ROUNDING = 1e-9


def risk_coverage(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Compute coverage and accuracy at every threshold of the confidence.

    Args:
        probabilities: float [N, C].
        labels: int [N].

    Returns:
        One row for each threshold that changes anything, the highest first: threshold (predictions
        with at least this confidence are accepted), coverage (fraction of the images whose
        prediction is accepted) and accuracy among them.
    """
    confidences, is_correct = confidences_of(probabilities, labels)
    order = np.argsort(-confidences, kind="stable")
    accepted = np.arange(1, len(labels) + 1)
    table = pd.DataFrame(
        {
            "threshold": confidences[order],
            "coverage": accepted / len(labels),
            "accuracy": np.cumsum(is_correct[order]) / accepted,
        }
    )
    # Predictions of the same confidence are accepted together or not at all.
    return table.drop_duplicates("threshold", keep="last").reset_index(drop=True)


def threshold_for_accuracy(
    probabilities: np.ndarray, labels: np.ndarray, *, accuracy: float
) -> tuple[float, float]:
    """Find the lowest confidence at which accepted predictions reach an accuracy in (0, 1].

    Args:
        probabilities: float [N, C].
        labels: int [N].
        accuracy: target among the accepted predictions.

    Returns:
        Threshold and coverage; (inf, 0.0) if no threshold reaches the accuracy, or only with fewer
        accepted predictions than `min_accepted`.
    """
    curve = risk_coverage(probabilities, labels)
    accepted = np.rint(curve["coverage"] * len(labels))
    enough = curve[(curve["accuracy"] >= accuracy) & (accepted >= min_accepted(accuracy))]
    if enough.empty:
        return float("inf"), 0.0
    last = enough.iloc[-1]
    return float(last["threshold"]), float(last["coverage"])


def min_accepted(accuracy: float) -> float:
    """Count the correct predictions without an error that show an accuracy at a level of 95 %.

    So many in a row would be correct with a probability of 5 % or less if the accuracy were lower:
    59 for 95 %, 29 for 90 %. With fewer no outcome could support the claim. This is the exact
    one-sided bound of Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404, without errors.
    The result is a whole number; infinite for an accuracy of 1, which no number of images shows.
    """
    if accuracy >= 1.0:
        return math.inf
    return math.ceil(math.log(_SIGNIFICANCE) / math.log(accuracy) - _ROUNDING)


def missing_threshold_reason(probabilities: np.ndarray, labels: np.ndarray, accuracy: float) -> str:
    """Return why no accuracy is claimed, to follow "no threshold:"."""
    needed = min_accepted(accuracy)
    if math.isinf(needed):
        return f"no number of validation images can show an accuracy of {accuracy:.0%}"
    if len(labels) < needed:
        return (
            f"{len(labels)} validation images are too few to claim an accuracy of {accuracy:.4g} "
            f"among the accepted predictions; {needed:.0f} are needed"
        )
    curve = risk_coverage(probabilities, labels)
    reached = curve[curve["accuracy"] >= accuracy]
    if reached.empty:
        return f"no confidence reaches an accuracy of {accuracy:.4g} on the validation images"
    most = round(float(reached["coverage"].iloc[-1]) * len(labels))
    return (
        f"an accuracy of {accuracy:.4g} is reached only among the {most} most confident validation "
        f"images, and {needed:.0f} are needed to claim it"
    )


def confidences_of(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the confidence float64 [N] of each prediction, and whether it is correct, bool [N]."""
    probabilities = np.asarray(probabilities)
    is_correct = probabilities.argmax(axis=1) == np.asarray(labels)
    return probabilities.max(axis=1).astype(np.float64), is_correct
