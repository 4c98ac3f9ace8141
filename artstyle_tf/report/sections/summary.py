"""Summary of a run, and its misclassified images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.report.axes import Scale
from artstyle_tf.report.page import sentence
from artstyle_tf.report.run_facts import RunFacts, confusions, outcome_of
from artstyle_tf.report.sections.next_steps import Step

NUM_WRONG_SHOWN = 3

_WIDTH_PX, _MARGIN_PX = 420, 14


def summary(facts: RunFacts, steps: Sequence[Step]) -> dict[str, Any]:
    """Return score, baseline, most frequent confusion, most confident errors, next steps."""
    evaluated, baseline = facts.evaluated, facts.baseline
    wrong = evaluated.mistakes()
    worst = next(iter(confusions(evaluated)), None)
    names = list(facts.class_names)
    return {
        "score": float(facts.scores["macro_f1"]),
        "interval": facts.interval("macro_f1"),
        "part": evaluated.part,
        "num_images": len(evaluated),
        "num_styles": len(names),
        "num_right": len(evaluated) - len(wrong),
        "verdict": None
        if baseline is None
        else {"outcome": outcome_of(baseline), "text": sentence(str(baseline["verdict"]))},
        "strip": _strip(facts),
        "worst": worst,
        "worst_cell": worst and (names.index(worst.label), names.index(worst.prediction)),
        "wrong": wrong.head(NUM_WRONG_SHOWN).to_dict("records"),
        "threshold": _threshold(facts.results.get("calibration")),
        "steps": steps,
    }


def _strip(facts: RunFacts) -> dict[str, Any]:
    """Return the score with its interval and the baseline's score on one axis."""
    interval = facts.interval("macro_f1")
    scores = {"this run": float(facts.scores["macro_f1"])}
    if facts.baseline is not None:
        scores["baseline"] = float(facts.baseline["macro_f1"])
    lowest = min([*scores.values(), *(interval or ())])
    scale = Scale(max(0.0, int(lowest * 10 - 1) / 10), 1.0, 78, _WIDTH_PX - _MARGIN_PX)
    rows = []
    for name, value in scores.items():
        is_own = name == "this run"
        own_interval = interval if is_own else None
        rows.append(
            {
                "name": name,
                "value": value,
                "interval": own_interval,
                "own": is_own,
                "x": scale(value),
                "ends": scale.ends(own_interval),
            }
        )
    return {"width": _WIDTH_PX, "rows": rows, "ticks": scale.ticks(5)}


def _threshold(calibration: Mapping[str, Any] | None) -> str | None:
    """Describe the confidence threshold in a sentence."""
    if calibration is None:
        return None
    target = f"{100 * calibration['target_accuracy']:.0f}%"
    if calibration["threshold"] is None:
        reason = calibration.get("reason") or "accuracy is too low at every threshold"
        return (
            f"No confidence threshold reaches the target accuracy of {target}, so the model "
            f"accepts none of its predictions: {reason}."
        )
    coverage = f"{100 * calibration['coverage']:.0f}%"
    return (
        f"Predictions with a confidence of {calibration['threshold']:.2f} or more reach the target "
        f"accuracy of {target}; these are {coverage} of the validation images. For the others the "
        "model abstains."
    )


def mistakes(facts: RunFacts, *, most: int) -> dict[str, Any] | None:
    """Return at most `most` misclassified images, most confident first; None without any."""
    wrong = facts.evaluated.mistakes()
    if wrong.empty:
        return None
    return {
        "part": facts.evaluated.part,
        "num_all": len(wrong),
        "images": [
            {
                "path": row["path"],
                "label": row["label"],
                "prediction": row["prediction"],
                "confidence": float(row["confidence"]),
                "of_label": float(row.get(f"probability_{row['label']}", float("nan"))),
            }
            for row in wrong.head(most).to_dict("records")
        ],
    }
