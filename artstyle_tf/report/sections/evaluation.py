"""How right a run is: scores, who is taken for whom, each style, and whether to believe it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.report.run_facts import (
    PART_OF_SPLIT,
    FurtherResults,
    RunFacts,
    confusion_counts,
    confusions,
)
from artstyle_tf.report.scales import Scale, path_of

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
_BOX = (420, 300)
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 58, 408, 12, 258
_MOST_POINTS = 300


def evaluation(facts: RunFacts, further: FurtherResults) -> dict[str, Any]:
    """Scores of all parts; matrix, classes and confidences of the part that judges."""
    judged = facts.judged
    return {
        "part": judged.part,
        "parts": [part for part in PART_OF_SPLIT.values() if part in facts.results],
        "scores": _score_rows(facts),
        "matrix": _matrix(facts),
        "pairs": confusions(judged)[:5],
        "classes": _class_rows(judged.per_class),
        "bar_px": _BAR_PX,
        "has_intervals": "f1_low" in judged.per_class,
        "reliability": _reliability(judged.reliability, facts.scores),
        "risk": _risk_coverage(judged.risk_coverage, facts.results.get("calibration")),
        "folds": _folds(further),
    }


def _score_rows(facts: RunFacts) -> list[dict[str, Any]]:
    """A row a score: its name, then value and interval in each part, then the baseline's."""
    results = facts.results
    parts = [part for part in PART_OF_SPLIT.values() if part in results]
    rows = []
    for metric, words in SCORES_IN_WORDS.items():
        if metric not in results[parts[0]]:
            continue
        intervals = results.get("intervals", {})
        cells = [(results[part][metric], intervals.get(part, {}).get(metric)) for part in parts]
        baseline = (facts.baseline or {}).get(metric)
        lower = metric in LOWER_IS_BETTER
        rows.append({"name": words, "cells": cells, "baseline": baseline, "lower_is_better": lower})
    return rows


def _matrix(facts: RunFacts) -> list[dict[str, Any]]:
    """Rows of the confusion matrix; shade 0 is nobody, the last one is everybody."""
    counts = confusion_counts(facts.judged, facts.class_names)
    support = counts.sum(axis=1)
    rows = []
    for number, name in enumerate(facts.class_names):
        shares = counts[number] / max(1, support[number])
        cells = [
            {
                "prediction": column,
                "name": facts.class_names[column],
                "count": int(count),
                "share": float(share),
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
        ends = None
        if is_known and np.isfinite(row.get("f1_low", np.nan)):
            ends = (scale(row["f1_low"]), scale(row["f1_high"]))
        rows.append({**row, "is_known": is_known, "x": scale(row["f1"]) if is_known else 0})
        rows[-1]["ends"] = ends
    return rows


def _reliability(table: pd.DataFrame | None, scores: Any) -> dict[str, Any] | None:
    """How often the run is right at each confidence; ideally that often."""
    if table is None or table.empty:
        return None
    x, y = Scale(0, 1, _LEFT_PX, _RIGHT_PX), Scale(0, 1, _BOTTOM_PX, _TOP_PX)
    largest = float(table["count"].max())
    points = [
        {
            "x": x(row["confidence"]),
            "y": y(row["accuracy"]),
            "radius": round(3 + 9 * float(np.sqrt(row["count"] / largest)), 1),
            "said": f"confidence {row['confidence']:.2f}: {100 * row['accuracy']:.0f} % of "
            f"{int(row['count'])} right",
        }
        for row in table.to_dict("records")
    ]
    return {
        "box": _BOX,
        "frame": (_LEFT_PX, _TOP_PX, _RIGHT_PX, _BOTTOM_PX),
        "x_ticks": x.ticks(5),
        "y_ticks": y.ticks(5),
        "points": points,
        "error": scores.get("expected_calibration_error"),
    }


def _risk_coverage(table: pd.DataFrame | None, calibration: Any) -> dict[str, Any] | None:
    """How right the run is if it only answers what it is surest of."""
    if table is None or table.empty:
        return None
    shown = table.iloc[:: max(1, len(table) // _MOST_POINTS)]
    low = float(np.floor(10 * shown["accuracy"].min()) / 10)
    low = min(low, 0.9)
    x, y = Scale(0, 1, _LEFT_PX, _RIGHT_PX), Scale(low, 1, _BOTTOM_PX, _TOP_PX)
    places = [
        (x(coverage), y(accuracy))
        for coverage, accuracy in zip(shown["coverage"], shown["accuracy"], strict=True)
    ]
    wanted = None if calibration is None else calibration["target_accuracy"]
    at_half = table.iloc[(table["coverage"] - 0.5).abs().argmin()]
    return {
        "box": _BOX,
        "frame": (_LEFT_PX, _TOP_PX, _RIGHT_PX, _BOTTOM_PX),
        "x_ticks": x.ticks(5),
        "y_ticks": y.ticks(5),
        "path": path_of(places),
        "wanted": None if wanted is None or wanted < low else (y(wanted), wanted),
        "said": f"Answering everything it is right in {100 * table['accuracy'].iloc[-1]:.0f} %, "
        f"answering the surer half in {100 * at_half['accuracy']:.0f} %.",
    }


def _folds(further: FurtherResults) -> list[dict[str, Any]]:
    """What a cross-validation of the same recipe says of other images, and of other groups."""
    found = further.cross_validation or {}
    kinds = {"random": "other images (random folds)", "group": "other groups (artists)"}
    return [
        {
            "kind": words,
            "macro_f1": found[key]["macro_f1"],
            "interval": found[key].get("macro_f1_interval"),
        }
        for key, words in kinds.items()
        if found.get(key)
    ]
