"""Calibration: whether a confidence of 80 % means correct four times out of five.

Sources: Guo et al. 2017, arXiv:1706.04599 (expected calibration error, temperature scaling);
Brier 1950.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from artstyle_tf.metrics.acceptance_threshold import (
    confidences_of,
    missing_threshold_reason,
    threshold_for_accuracy,
)
from artstyle_tf.metrics.influence import stratified_variance
from artstyle_tf.metrics.proportions import LEVEL, Interval, mean_interval
from artstyle_tf.system.finite_numbers import check_finite

NUM_BINS = 15

_TEMPERATURES = (0.05, 20.0)

# Runtimes differ by 5e-6 in a probability, measured.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Calibration:
    """Temperature and acceptance threshold, stored with a model.

    Attributes:
        temperature: logits are divided by it; 1 for none.
        target_accuracy: among the accepted predictions.
        threshold: a prediction with at least this confidence is accepted; None if no threshold
            reaches the accuracy.
        coverage: fraction of the validation images whose prediction is accepted.
        reason: why there is no threshold; None where there is one, and for older runs.
    """

    temperature: float
    target_accuracy: float
    threshold: float | None
    coverage: float
    reason: str | None = None

    @property
    def min_confidence(self) -> float:
        """Lowest confidence of an accepted prediction; infinite if none is accepted.

        A little below the threshold, which is the confidence of some validation image: whether
        that one is accepted must not depend on how a runtime rounds.
        """
        return math.inf if self.threshold is None else self.threshold - _ROUNDING

    def accepts(self, confidences: np.ndarray) -> np.ndarray:
        """Return which predictions are accepted: bool [N]."""
        return np.asarray(confidences) >= self.min_confidence


def calibrate(
    probabilities: np.ndarray, labels: np.ndarray, *, temperature: float, target_accuracy: float
) -> Calibration:
    """Find the threshold for an accuracy.

    Args:
        probabilities: float [N, C], with the temperature; of images not used in training.
        labels: int [N].
        temperature: that the probabilities were computed with.
        target_accuracy: in (0, 1].

    Returns:
        With a threshold only where there are enough validation images to claim the accuracy; see
        `min_accepted`.
    """
    threshold, coverage = threshold_for_accuracy(probabilities, labels, accuracy=target_accuracy)
    return Calibration(
        temperature=temperature,
        target_accuracy=target_accuracy,
        threshold=threshold if coverage else None,
        coverage=coverage,
        reason=None
        if coverage
        else missing_threshold_reason(probabilities, labels, target_accuracy),
    )


def probabilities_of(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Compute softmax(logits / temperature): float [N, C] -> float32 [N, C]."""
    scaled = np.asarray(logits, np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fit the temperature, in [0.05, 20], that maximizes the likelihood of the labels.

    It changes no prediction, only the confidence: it is above 1 for an overconfident model, below 1
    for an underconfident one.

    Args:
        logits: float [N, C], of images not used in training.
        labels: int [N].

    Raises:
        NotFiniteError: if a logit is not finite.
    """
    logits = np.asarray(logits, np.float64)
    check_finite(
        logits,
        "the logits that a temperature is fitted to",
        fix="train again, with a smaller learning rate",
    )
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
    """Compute confidence and accuracy of predictions, by confidence.

    Args:
        probabilities: float [N, C], rows add up to 1.
        labels: int [N].
        num_bins: bins of equal width between 0 and 1; a confidence at an edge belongs below it.

    Returns:
        One row a bin that is not empty: lower, upper, confidence (mean), accuracy, count.
    """
    confidences, is_correct = confidences_of(probabilities, labels)
    bins = _bins(confidences, num_bins)
    table = pd.DataFrame({"bin": bins, "confidence": confidences, "accuracy": is_correct})
    grouped = table.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), count=("bin", "size")
    )
    lower = grouped.index.to_numpy() / num_bins
    grouped.insert(0, "lower", lower)
    grouped.insert(1, "upper", lower + 1.0 / num_bins)
    return grouped.reset_index(drop=True)


def calibration_summary(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Compute the calibration error, Brier score and log loss.

    Args:
        probabilities: float [N, C], rows add up to 1.
        labels: int [N].

    Returns:
        expected_calibration_error: mean distance of confidence and accuracy over the bins of
            `reliability`, weighted by their images; 0 is perfect.
        brier_score: mean squared distance of the probabilities from the true class, 0 to 2.
        log_loss: mean -log of the probability of the true class.
    """
    bins = reliability(probabilities, labels)
    gaps = (bins["confidence"] - bins["accuracy"]).abs()
    return {
        "expected_calibration_error": float((gaps * bins["count"]).sum() / len(labels)),
        "brier_score": float(_brier_scores(probabilities, labels).mean()),
        "log_loss": float(_log_losses(probabilities, labels).mean()),
    }


def calibration_intervals(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Interval]:
    """Compute intervals of the scores of `calibration_summary`; see `metrics.uncertainty`.

    Each image adds to the calibration error its distance of confidence and correctness, with the
    sign of its bin. Chance moves every bin away from its confidence, so the error of few images is
    too large; by how much on average (the mean of a folded normal distribution, Leone et al. 1961,
    doi:10.1080/00401706.1961.10489974) is taken off the ends. One more image that is wrong at full
    confidence keeps the interval from vanishing; for the log loss it is one with uniform
    probabilities.

    Args:
        probabilities: float [N, C], rows add up to 1.
        labels: int [N].
    """
    labels, count = np.asarray(labels), len(labels)
    num_strata = len(np.unique(labels))
    squares, losses = _brier_scores(probabilities, labels), _log_losses(probabilities, labels)
    ends = mean_interval(
        float(squares.mean() / 2.0),
        stratified_variance(squares / (2.0 * count), labels),
        count,
        num_strata,
    )
    unknown = math.log(max(2, probabilities.shape[1]))
    return {
        "expected_calibration_error": _error_interval(probabilities, labels),
        "brier_score": (2.0 * ends[0], 2.0 * ends[1]),
        "log_loss": _normal_interval(
            float(losses.mean()),
            stratified_variance(losses / count, labels) + (unknown / (count + 1)) ** 2,
        ),
    }


def _error_interval(probabilities: np.ndarray, labels: np.ndarray) -> Interval:
    confidences, is_correct = confidences_of(probabilities, labels)
    count = len(labels)
    gaps, bins = (confidences - is_correct) / count, _bins(confidences, NUM_BINS)
    by_bin = np.bincount(bins, gaps, minlength=NUM_BINS)
    error = float(np.abs(by_bin).sum())
    # Variance within a bin; a bin of one image is as uncertain as that image is wrong.
    spread = np.sqrt(np.bincount(bins, np.square(gaps), minlength=NUM_BINS))
    known = spread > 0
    size, noise = np.abs(by_bin[known]), spread[known]
    folded = noise * np.sqrt(2.0 / np.pi) * np.exp(-np.square(size / noise) / 2.0) + size * (
        1.0 - 2.0 * stats.norm.cdf(-size / noise)
    )
    bias = float((folded - size).sum())
    variance = stratified_variance(np.sign(by_bin)[bins] * gaps, labels) + 1.0 / (count + 1) ** 2
    low, high = _normal_interval(error, variance)
    # For a perfectly calibrated model all of the error is chance; this is its largest bias.
    max_bias = float(noise.sum() * np.sqrt(2.0 / np.pi))
    return max(0.0, low - max_bias), min(1.0, max(error, high - bias))


def _normal_interval(mean: float, variance: float) -> Interval:
    """Compute the interval of a mean that is 0 or more."""
    width = float(stats.norm.ppf((1.0 + LEVEL) / 2.0)) * math.sqrt(variance)
    return max(0.0, mean - width), mean + width


def _bins(confidences: np.ndarray, num_bins: int) -> np.ndarray:
    """Return the bin of equal width between 0 and 1; a confidence at an edge belongs below it."""
    return np.clip(np.ceil(confidences * num_bins).astype(int) - 1, 0, num_bins - 1)


def _brier_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    truth = np.eye(probabilities.shape[1])[labels]
    return np.square(probabilities - truth).sum(axis=1)


def _log_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    of_label = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(of_label, 1e-12))
