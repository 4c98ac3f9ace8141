"""Whether a confidence of 80 % means right four times out of five, and when not to answer.

Sources: Guo et al. 2017, arXiv:1706.04599 (expected calibration error, temperature scaling);
Brier 1950; Geifman and El-Yaniv 2017, arXiv:1705.08500 (risk and coverage).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from artstyle_tf.finite_numbers import check_finite
from artstyle_tf.metrics.uncertainty import (
    NUM_DRAWS,
    Interval,
    draw_means,
    percentile_interval,
)

NUM_BINS = 15

_FIX_OF_NETWORK = "train again, with a smaller learning rate"

_TEMPERATURES = (0.05, 20.0)

# Runtimes differ by 5e-6 in a probability, measured.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Calibration:
    """What is kept with a model, so that it can say how sure it is, and that it does not know.

    Attributes:
        temperature: logits are divided by it; 1 for none.
        wanted_accuracy: among the pictures that are answered.
        threshold: a picture is answered if the confidence is at least this; None if no threshold
            reaches the accuracy.
        coverage: share of the validation pictures that are answered.
    """

    temperature: float
    wanted_accuracy: float
    threshold: float | None
    coverage: float

    @property
    def lowest_accepted(self) -> float:
        """From this confidence on a prediction is an answer; infinite if none is.

        A little below the threshold, which is the confidence of some validation picture: whether
        that one is answered must not depend on how a runtime rounds.
        """
        return math.inf if self.threshold is None else self.threshold - _ROUNDING

    def accepts(self, confidences: np.ndarray) -> np.ndarray:
        """Which predictions are answers: bool [N]."""
        return np.asarray(confidences) >= self.lowest_accepted


def calibrate(
    probabilities: np.ndarray, labels: np.ndarray, *, temperature: float, wanted_accuracy: float
) -> Calibration:
    """Finds the threshold for an accuracy.

    Args:
        probabilities: float [N, C], with the temperature; of pictures that were not learnt from.
        labels: int [N].
        temperature: that they were made with.
        wanted_accuracy: in (0, 1].
    """
    threshold, coverage = threshold_for_accuracy(probabilities, labels, accuracy=wanted_accuracy)
    return Calibration(
        temperature=temperature,
        wanted_accuracy=wanted_accuracy,
        threshold=threshold if coverage else None,
        coverage=coverage,
    )


def probabilities_of(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """softmax(logits / temperature): float32 [N, C] -> float32 [N, C]."""
    scaled = np.asarray(logits, np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature under which the labels are most likely.

    It changes no prediction, only how confident the model says it is: above 1 a model that says
    too much, below 1 one that says too little.

    Args:
        logits: float [N, C], of pictures that were not learnt from.
        labels: int [N].

    Returns:
        In [0.05, 20].

    Raises:
        NotFiniteError: if a logit is not finite.
    """
    logits = np.asarray(logits, np.float64)
    check_finite(logits, "the logits that a temperature is fitted to", fix=_FIX_OF_NETWORK)
    of_label = logits[np.arange(len(labels)), labels]

    def negative_log_likelihood(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        peaks = logits.max(axis=1)
        sums = np.exp((logits - peaks[:, None]) * scale).sum(axis=1)
        return float(np.mean(np.log(sums) + (peaks - of_label) * scale))

    bounds = tuple(np.log(_TEMPERATURES))
    found = optimize.minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, *, num_bins: int = NUM_BINS
) -> pd.DataFrame:
    """Confidence and accuracy of predictions, by confidence.

    Args:
        probabilities: float [N, C], rows add up to 1.
        labels: int [N].
        num_bins: bins of equal width between 0 and 1; a confidence at an edge belongs below it.

    Returns:
        One row a bin that is not empty: lower, upper, confidence (mean), accuracy, count.
    """
    confidences, is_right = _confidences(probabilities, labels)
    bins = _bins(confidences, num_bins)
    table = pd.DataFrame({"bin": bins, "confidence": confidences, "accuracy": is_right})
    grouped = table.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), count=("bin", "size")
    )
    lower = grouped.index.to_numpy() / num_bins
    grouped.insert(0, "lower", lower)
    grouped.insert(1, "upper", lower + 1.0 / num_bins)
    return grouped.reset_index(drop=True)


def calibration_summary(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How far confidences can be believed.

    Args:
        probabilities: float [N, C], rows add up to 1.
        labels: int [N].

    Returns:
        expected_calibration_error: mean distance of confidence and accuracy over the bins of
            `reliability`, weighted by their pictures; 0 is perfect.
        brier_score: mean squared distance of the probabilities from the truth, from 0 to 2.
        log_loss: mean -log of the probability of the true class.
    """
    bins = reliability(probabilities, labels)
    gaps = (bins["confidence"] - bins["accuracy"]).abs()
    return {
        "expected_calibration_error": float((gaps * bins["count"]).sum() / len(labels)),
        "brier_score": float(_brier_scores(probabilities, labels).mean()),
        "log_loss": float(_log_losses(probabilities, labels).mean()),
    }


def calibration_intervals(
    probabilities: np.ndarray, labels: np.ndarray, *, seed: int, num_draws: int = NUM_DRAWS
) -> dict[str, Interval]:
    """95 % intervals of the figures of `calibration_summary`; see `metrics.uncertainty`.

    The expected calibration error of few pictures is too large, because chance moves every bin away
    from its confidence, and drawing them anew adds to it: the interval can lie above the figure.

    Args:
        probabilities: float [N, C], rows add up to 1.
        labels: int [N]; the draws keep the numbers of each.
        seed: of the draws.
        num_draws: draws.
    """
    labels = np.asarray(labels)
    confidences, is_right = _confidences(probabilities, labels)
    gaps = np.zeros((len(labels), NUM_BINS))
    gaps[np.arange(len(labels)), _bins(confidences, NUM_BINS)] = confidences - is_right
    squares, losses = _brier_scores(probabilities, labels), _log_losses(probabilities, labels)
    values = np.column_stack([squares, losses, gaps])
    means = draw_means(values, labels, seed=seed, num_draws=num_draws)
    return {
        "expected_calibration_error": percentile_interval(np.abs(means[:, 2:]).sum(axis=1)),
        "brier_score": percentile_interval(means[:, 0]),
        "log_loss": percentile_interval(means[:, 1]),
    }


def risk_coverage(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """What is gained by answering only where the model is confident.

    Args:
        probabilities: float [N, C].
        labels: int [N].

    Returns:
        One row for each threshold that changes anything, the highest first: threshold (answer if
        the confidence is at least this), coverage (share of the pictures that are answered) and
        accuracy among them.
    """
    confidences, is_right = _confidences(probabilities, labels)
    order = np.argsort(-confidences, kind="stable")
    answered = np.arange(1, len(labels) + 1)
    table = pd.DataFrame(
        {
            "threshold": confidences[order],
            "coverage": answered / len(labels),
            "accuracy": np.cumsum(is_right[order]) / answered,
        }
    )
    # Pictures of the same confidence are answered together or not at all.
    return table.drop_duplicates("threshold", keep="last").reset_index(drop=True)


def threshold_for_accuracy(
    probabilities: np.ndarray, labels: np.ndarray, *, accuracy: float
) -> tuple[float, float]:
    """The lowest confidence at which answering is right often enough.

    Args:
        probabilities: float [N, C].
        labels: int [N].
        accuracy: wanted among the answers, in (0, 1].

    Returns:
        Threshold and coverage; (inf, 0.0) if no threshold reaches the accuracy.
    """
    curve = risk_coverage(probabilities, labels)
    enough = curve[curve["accuracy"] >= accuracy]
    if enough.empty:
        return float("inf"), 0.0
    last = enough.iloc[-1]
    return float(last["threshold"]), float(last["coverage"])


def _bins(confidences: np.ndarray, num_bins: int) -> np.ndarray:
    """Bin of equal width between 0 and 1; a confidence at an edge belongs below it."""
    return np.clip(np.ceil(confidences * num_bins).astype(int) - 1, 0, num_bins - 1)


def _brier_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    truth = np.eye(probabilities.shape[1])[labels]
    return np.square(probabilities - truth).sum(axis=1)


def _log_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    of_label = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(of_label, 1e-12))


def _confidences(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.asarray(probabilities)
    is_right = probabilities.argmax(axis=1) == np.asarray(labels)
    return probabilities.max(axis=1).astype(np.float64), is_right
