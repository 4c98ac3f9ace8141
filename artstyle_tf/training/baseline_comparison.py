"""The trained network against the baseline, on the same images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.heads.baseline import Floor
from artstyle_tf.images.split_images import SplitPictures, class_ids
from artstyle_tf.metrics.comparison import compare_predictions, outcome, verdict
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.training.evaluation import Evaluation

FLOOR_PREDICTIONS_FILE = "floor_predictions.csv"


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
