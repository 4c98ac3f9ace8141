"""The trained network against the baseline, on the same images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.heads.baseline import Baseline
from artstyle_tf.images.split_images import SplitImages, class_ids
from artstyle_tf.metrics.comparison import compare_predictions, outcome, verdict
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.training.evaluation import Evaluation

BASELINE_PREDICTIONS_FILE = "baseline_predictions.csv"


def compare_with_baseline(
    baseline: Baseline,
    splits: dict[str, SplitImages],
    evaluations: Mapping[str, Evaluation],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """What the baseline scores, and whether the trained network is better on the same images.

    Returns:
        Name of the data set in the results -> the baseline's scores, the paired comparison, its
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
            baseline.predictions[split],
            num_classes=len(class_names),
        )
        found[name] = {
            **baseline.scores(split, labels),
            "trained_against_baseline": dataclasses.asdict(comparison),
            "outcome": outcome(comparison),
            "verdict": verdict(comparison, ["the trained model", "the baseline"]),
        }
    return found


def write_baseline_predictions(
    baseline: Baseline,
    splits: dict[str, SplitImages],
    class_names: Sequence[str],
    run_directory: RunDirectory,
) -> None:
    """Keeps what the baseline says of each image, so that it can be compared with other runs."""
    for split, name in NAME_IN_RESULT.items():
        if split not in splits:
            continue
        rows = splits[split].rows
        table = pd.DataFrame(
            {
                "path": rows["source"],
                "label": rows["label"],
                "prediction": np.array(class_names)[baseline.predictions[split]],
            }
        )
        run_directory.write_table(run_directory.path / name / BASELINE_PREDICTIONS_FILE, table)


def summarize_baseline(result: dict[str, Any]) -> list[str]:
    """Summarize baseline and verdict in lines, by the test split where there is one."""
    name = next(name for name in ("test", "validation") if name in result["baseline"])
    baseline = result["baseline"][name]
    said = baseline["verdict"]
    lines = [
        f"Baseline:   logistic regression on the frozen top, {name} {baseline['macro_f1']:.3f}"
    ]
    return [*lines, f"         {said[0].upper()}{said[1:]}."]
