"""From which confidence on an accuracy is reached, and whether there are images enough to say so.

Source: Geifman and El-Yaniv 2017, arXiv:1705.08500 (risk and coverage).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

_FALSE_CLAIMS = 0.05
_ROUNDING = 1e-9


def risk_coverage(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """What is gained by answering only where the model is confident.

    Args:
        probabilities: float [N, C].
        labels: int [N].

    Returns:
        One row for each threshold that changes anything, the highest first: threshold (answer if
        the confidence is at least this), coverage (share of the images that are answered) and
        accuracy among them.
    """
    confidences, is_right = confidences_of(probabilities, labels)
    order = np.argsort(-confidences, kind="stable")
    answered = np.arange(1, len(labels) + 1)
    table = pd.DataFrame(
        {
            "threshold": confidences[order],
            "coverage": answered / len(labels),
            "accuracy": np.cumsum(is_right[order]) / answered,
        }
    )
    # Images of the same confidence are answered together or not at all.
    return table.drop_duplicates("threshold", keep="last").reset_index(drop=True)


def threshold_for_accuracy(
    probabilities: np.ndarray, labels: np.ndarray, *, accuracy: float
) -> tuple[float, float]:
    """Find the lowest confidence at which answering is right often enough.

    Args:
        probabilities: float [N, C].
        labels: int [N].
        accuracy: wanted among the answers, in (0, 1].

    Returns:
        Threshold and coverage; (inf, 0.0) if no threshold reaches the accuracy, or only with fewer
        answers than `fewest_answers`.
    """
    curve = risk_coverage(probabilities, labels)
    answers = np.rint(curve["coverage"] * len(labels))
    enough = curve[(curve["accuracy"] >= accuracy) & (answers >= fewest_answers(accuracy))]
    if enough.empty:
        return float("inf"), 0.0
    last = enough.iloc[-1]
    return float(last["threshold"]), float(last["coverage"])


def fewest_answers(accuracy: float) -> float:
    """Count the right answers without a wrong one that show an accuracy at a level of 95 %.

    So many answers in a row would be right with a probability of 5 % or less if the accuracy were
    lower: 59 for 95 %, 29 for 90 %. With fewer no outcome could support the claim. This is the
    exact one-sided bound of Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404, without errors.

    Args:
        accuracy: in (0, 1].

    Returns:
        A whole number; infinite for 1, which no number of images shows.
    """
    if accuracy >= 1.0:
        return math.inf
    return math.ceil(math.log(_FALSE_CLAIMS) / math.log(accuracy) - _ROUNDING)


def why_no_threshold(probabilities: np.ndarray, labels: np.ndarray, accuracy: float) -> str:
    """Why no accuracy is claimed, to follow "no threshold:"."""
    fewest = fewest_answers(accuracy)
    if math.isinf(fewest):
        return f"no number of validation images can show that {accuracy:.0%} are right"
    if len(labels) < fewest:
        return (
            f"{len(labels)} validation images are too few to claim that {accuracy:.4g} of the "
            f"answers are right; it takes {fewest:.0f}"
        )
    curve = risk_coverage(probabilities, labels)
    reached = curve[curve["accuracy"] >= accuracy]
    if reached.empty:
        return f"at no confidence {accuracy:.4g} of the validation images are right"
    most = round(float(reached["coverage"].iloc[-1]) * len(labels))
    return (
        f"{accuracy:.4g} are right only among the {most} most confident validation images, and it "
        f"takes {fewest:.0f} to claim it"
    )


def confidences_of(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Confidence float64 [N] of each prediction, and whether it is right, bool [N]."""
    probabilities = np.asarray(probabilities)
    is_right = probabilities.argmax(axis=1) == np.asarray(labels)
    return probabilities.max(axis=1).astype(np.float64), is_right
