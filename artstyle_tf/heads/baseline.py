"""The baseline: logistic regression on the frozen pooled features, which a run has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from artstyle_tf.heads.logistic import fit_linear_probe
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.metrics.classification import classification_summary


@dataclass(frozen=True)
class Baseline:
    """A linear classifier of the pooled features that the network had before training.

    It is the same for every kind of head, so that runs can be compared.

    Attributes:
        kernel: float32 [D0, C], where D0 is the size of the backbone's pooled top.
        bias: float32 [C].
        predictions: "val" and "test", as far as there are such images -> int [N].
    """

    kernel: np.ndarray
    bias: np.ndarray
    predictions: dict[str, np.ndarray]

    def scores(self, split: str, labels: np.ndarray) -> dict[str, float]:
        """macro_f1, accuracy and so on."""
        num_classes = len(self.bias)
        return classification_summary(labels, self.predictions[split], num_classes=num_classes)


def fit_baseline(
    probe: LinearProbeConfig | None,
    features: np.ndarray,
    labels: np.ndarray,
    *,
    judged: Mapping[str, np.ndarray],
    num_classes: int,
    num_pooled: int,
) -> Baseline:
    """Fits the baseline. It has to be done before anything is learned.

    Args:
        probe: settings of the regression; None for the usual ones.
        features: float32 [N, D] of the images to learn from, before training.
        labels: int [N], of the same.
        judged: name of a split -> float32 [n, D] of its images, which are predicted.
        num_classes: C.
        num_pooled: features that come first, before those of style branches.
    """
    probe = probe or LinearProbeConfig()
    kernel, bias = fit_linear_probe(
        features[:, :num_pooled],
        labels,
        num_classes=num_classes,
        C=probe.C,
        balanced=probe.balanced,
    )
    predictions = {
        split: (rows[:, :num_pooled] @ kernel + bias).argmax(axis=1)
        for split, rows in judged.items()
    }
    return Baseline(kernel, bias, predictions)
