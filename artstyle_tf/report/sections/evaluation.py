"""Evaluation of a run: confusion matrix, per-class metrics, calibration, all scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.report.axes import Axes, Scale, path_of
from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import RunFacts, confusion_counts, confusions
from artstyle_tf.runs.run_directory import NAME_IN_RESULT

SCORES_IN_WORDS = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "recall_at_1": "Recall@1",
    "recall_at_5": "Recall@5",
    "recall_at_10": "Recall@10",
    "map_at_r": "MAP@R",
    "prototype_macro_f1": "macro-F1 by nearest class mean",
    "expected_calibration_error": "expected calibration error",
    "brier_score": "Brier score",
    "log_loss": "log loss",
}
LOWER_IS_BETTER = ("expected_calibration_error", "brier_score", "log_loss")

_LEVELS = 8  # shades of the confusion matrix
_BAR_PX = 200
_MOST_POINTS = 300


def evaluation(facts: RunFacts, related: RelatedResults) -> dict[str, Any]:
    """Return scores of all parts; matrix, classes and curves of the evaluated part."""
    evaluated = facts.evaluated
    parts = [part for part in NAME_IN_RESULT.values() if part in facts.results]
    return {
        "part": evaluated.part,
        "parts": parts,
        "scores": _score_rows(facts, parts),
        "matrix": _matrix(facts),
        "pairs": confusions(evaluated)[:5],
        "classes": _class_rows(evaluated.per_class),
        "bar_px": _BAR_PX,
        "has_intervals": "f1_low" in evaluated.per_class,
        "reliability": _reliability(evaluated.reliability, facts.scores),
        "risk": _risk_coverage(evaluated.risk_coverage, facts.results.get("calibration")),
        "folds": _folds(related),
    }


def _score_rows(facts: RunFacts, parts: list[str]) -> list[dict[str, Any]]:
    """Return for each score its name, value and interval in each part, and the baseline's value."""
    results, intervals = facts.results, facts.results.get("intervals", {})
    return [
        {
            "name": words,
            "cells": [(results[part][name], intervals.get(part, {}).get(name)) for part in parts],
            "baseline": (facts.baseline or {}).get(name),
            "lower_is_better": name in LOWER_IS_BETTER,
        }
        for name, words in SCORES_IN_WORDS.items()
        if name in results[parts[0]]
    ]


def _matrix(facts: RunFacts) -> list[dict[str, Any]]:
    """Return rows of the confusion matrix; shade 0 is a share of 0, the last one a share of 1."""
    counts = confusion_counts(facts.evaluated, facts.class_names)
    support = counts.sum(axis=1)
    rows = []
    for number, name in enumerate(facts.class_names):
        shares = counts[number] / max(1, support[number])
        cells = [
            {
                "prediction": column,
                "name": facts.class_names[column],
                "count": int(count),
                "shade": int(np.ceil(share * _LEVELS)) if count else 0,
                "is_right": column == number,
            }
            for column, (count, share) in enumerate(zip(counts[number], shares, strict=True))
        ]
        rows.append(
            {"label": number, "name": name, "support": int(support[number]), "cells": cells}
        )
    return rows


def _class_rows(per_class: pd.DataFrame) -> list[dict[str, Any]]:
    scale = Scale(0, 1, 0, _BAR_PX)
    rows = []
    for row in per_class.to_dict("records"):
        is_known = bool(np.isfinite(row["f1"])) and row["support"] > 0
        has_interval = is_known and np.isfinite(row.get("f1_low", np.nan))
        rows.append(
            {
                **row,
                "is_known": is_known,
                "x": scale(row["f1"]) if is_known else 0,
                "ends": scale.ends((row["f1_low"], row["f1_high"])) if has_interval else None,
            }
        )
    return rows


def _reliability(table: pd.DataFrame | None, scores: Any) -> dict[str, Any] | None:
    """Return the reliability diagram: accuracy at each confidence."""
    if table is None or table.empty:
        return None
    axes = Axes((0, 1), (0, 1))
    x, y = axes.x, axes.y
    largest = float(table["count"].max())
    return {
        **axes.content(x.ticks(5), y.ticks(5)),
        "points": [
            {
                "x": x(row["confidence"]),
                "y": y(row["accuracy"]),
                "radius": round(3 + 9 * float(np.sqrt(row["count"] / largest)), 1),
                "text": f"confidence {row['confidence']:.2f}, accuracy {row['accuracy']:.2f}, "
                f"{int(row['count'])} images",
            }
            for row in table.to_dict("records")
        ],
        "error": scores.get("expected_calibration_error"),
    }


def _risk_coverage(table: pd.DataFrame | None, calibration: Any) -> dict[str, Any] | None:
    """Return the accuracy of the most confident predictions against their share of the images."""
    if table is None or table.empty:
        return None
    shown = table.iloc[:: max(1, len(table) // _MOST_POINTS)]
    low = min(0.9, float(np.floor(10 * shown["accuracy"].min()) / 10))
    axes = Axes((0, 1), (low, 1))
    x, y = axes.x, axes.y
    points = zip(shown["coverage"], shown["accuracy"], strict=True)
    target = None if calibration is None else calibration["target_accuracy"]
    at_half = table.iloc[(table["coverage"] - 0.5).abs().argmin()]
    return {
        **axes.content(x.ticks(5), y.ticks(5)),
        "path": path_of([(x(coverage), y(accuracy)) for coverage, accuracy in points]),
        "target": None if target is None or target < low else (y(target), target),
        "text": f"Accuracy is {100 * table['accuracy'].iloc[-1]:.0f}% on all images and "
        f"{100 * at_half['accuracy']:.0f}% on the most confident half.",
    }


def _folds(related: RelatedResults) -> list[dict[str, Any]]:
    """Return scores of a cross-validation of the same recipe, on random and on group folds."""
    found = related.cross_validation or {}
    kinds = {"random": "random folds", "group": "group folds (new artists)"}
    return [
        {
            "kind": words,
            "macro_f1": found[key]["macro_f1"],
            "interval": found[key].get("macro_f1_interval"),
        }
        for key, words in kinds.items()
        if found.get(key)
    ]
