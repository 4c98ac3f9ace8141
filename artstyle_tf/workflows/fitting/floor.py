"""The floor: logistic regression on the frozen pooled features, which a run has to beat."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.training import LinearProbeConfig
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.comparison import compare_predictions, outcome, verdict
from artstyle_tf.training.linear_probe import fit_linear_probe
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.evaluation import Evaluation
from artstyle_tf.workflows.split_pictures import SplitPictures, class_ids
from artstyle_tf.workflows.training_run import NAME_IN_RESULT

FLOOR_PREDICTIONS_FILE = "floor_predictions.csv"


@dataclass(frozen=True)
class Floor:
    """A linear classifier of the pooled features that the network had before training.

    It is the same for every kind of head, so that runs can be compared.

    Attributes:
        kernel: float32 [D0, C], where D0 is the size of the backbone's pooled top.
        bias: float32 [C].
        predictions: "val" and "test", as far as there are such pictures -> int [N].
    """

    kernel: np.ndarray
    bias: np.ndarray
    predictions: dict[str, np.ndarray]

    def scores(self, split: str, labels: np.ndarray) -> dict[str, float]:
        """macro_f1, accuracy and so on."""
        num_classes = len(self.bias)
        return classification_summary(labels, self.predictions[split], num_classes=num_classes)


def fit_floor(
    probe: LinearProbeConfig | None,
    features: np.ndarray,
    labels: np.ndarray,
    *,
    judged: Mapping[str, np.ndarray],
    num_classes: int,
    num_pooled: int,
) -> Floor:
    """Fits the floor. It has to be done before anything is learnt.

    Args:
        probe: settings of the regression; None for the usual ones.
        features: float32 [N, D] of the pictures to learn from, before training.
        labels: int [N], of the same.
        judged: name of a split -> float32 [n, D] of its pictures, which are predicted.
        num_classes: C.
        num_pooled: features that come first, before those of style branches.
    """
    probe = probe or LinearProbeConfig()
    kernel, bias = fit_linear_probe(
        features[:, :num_pooled],
        labels,
        num_classes=num_classes,
        inverse_regularisation=probe.inverse_regularisation,
        balanced=probe.balanced,
    )
    predictions = {
        split: (rows[:, :num_pooled] @ kernel + bias).argmax(axis=1)
        for split, rows in judged.items()
    }
    return Floor(kernel, bias, predictions)


def compare_with_floor(
    floor: Floor,
    splits: dict[str, SplitPictures],
    evaluations: Mapping[str, Evaluation],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """What the floor scores, and whether the trained network is better on the same pictures.

    Returns:
        Name of the data set in the results -> the floor's scores, the paired comparison, its
        outcome and the verdict, as JSON values.
    """
    found = {}
    for split, name in NAME_IN_RESULT.items():
        if name not in evaluations:
            continue
        labels = splits[split].labels
        comparison = compare_predictions(
            labels,
            class_ids(evaluations[name].predictions["prediction"], class_names),
            floor.predictions[split],
            num_classes=len(class_names),
        )
        found[name] = {
            **floor.scores(split, labels),
            "trained_against_floor": dataclasses.asdict(comparison),
            "outcome": outcome(comparison),
            "verdict": verdict(comparison, ["the trained model", "the floor"]),
        }
    return found


def write_floor_predictions(
    floor: Floor,
    splits: dict[str, SplitPictures],
    class_names: Sequence[str],
    run_directory: RunDirectory,
) -> None:
    """Keeps what the floor says of each picture, so that it can be compared with other runs."""
    for split, name in NAME_IN_RESULT.items():
        if split not in splits:
            continue
        rows = splits[split].rows
        table = pd.DataFrame(
            {
                "path": rows["source"],
                "label": rows["label"],
                "prediction": np.array(class_names)[floor.predictions[split]],
            }
        )
        run_directory.write_table(run_directory.path / name / FLOOR_PREDICTIONS_FILE, table)


def summarise_floor(result: dict[str, Any]) -> list[str]:
    """The floor and the verdict as lines for people; the test split counts where there is one."""
    name = next(name for name in ("test", "validation") if name in result["floor"])
    floor = result["floor"][name]
    said = floor["verdict"]
    lines = [f"Floor:   logistic regression on the frozen top, {name} {floor['macro_f1']:.3f}"]
    return [*lines, f"         {said[0].upper()}{said[1:]}."]
