"""What somebody has to know who reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.report.run_facts import RunFacts, confusions, outcome_of
from artstyle_tf.report.scales import Scale
from artstyle_tf.report.sections.next_steps import Step

NUM_WRONG_SHOWN = 3

_WIDTH_PX, _MARGIN_PX = 420, 14


def summary(facts: RunFacts, steps: Sequence[Step]) -> dict[str, Any]:
    """Score, verdict, worst confusion, the most confident mistakes, what to do next."""
    judged = facts.judged
    mixed_up = confusions(judged)
    mistakes = judged.mistakes()
    return {
        "score": float(facts.scores["macro_f1"]),
        "interval": facts.interval("macro_f1"),
        "part": judged.part,
        "num_images": len(judged),
        "num_styles": len(facts.class_names),
        "num_right": len(judged) - len(mistakes),
        "verdict": _verdict(facts.baseline),
        "strip": _strip(facts),
        "worst": mixed_up[0] if mixed_up else None,
        "worst_cell": _cell(facts, mixed_up[0]) if mixed_up else None,
        "wrong": mistakes.head(NUM_WRONG_SHOWN).to_dict("records"),
        "answers": _answers(facts.results.get("calibration")),
        "steps": steps,
    }


def _cell(facts: RunFacts, pair: Any) -> tuple[int, int]:
    names = list(facts.class_names)
    return names.index(pair.label), names.index(pair.prediction)


def _verdict(baseline: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Which way the comparison with the baseline went, and the program's own words for it."""
    if baseline is None:
        return None
    said = str(baseline["verdict"])
    return {"outcome": outcome_of(baseline), "said": f"{said[0].upper()}{said[1:]}."}


def _strip(facts: RunFacts) -> dict[str, Any]:
    """The score with its interval on an axis, and the baseline's beside it."""
    score, interval = float(facts.scores["macro_f1"]), facts.interval("macro_f1")
    rows: list[dict[str, Any]] = [
        {"name": "this run", "value": score, "interval": interval, "own": True}
    ]
    if facts.baseline is not None:
        value = float(facts.baseline["macro_f1"])
        rows.append({"name": "baseline", "value": value, "interval": None, "own": False})
    lowest = min([row["value"] for row in rows] + ([interval[0]] if interval else []))
    scale = Scale(max(0.0, int(lowest * 10 - 1) / 10), 1.0, 78, _WIDTH_PX - _MARGIN_PX)
    for row in rows:
        row["x"] = scale(row["value"])
        ends = row["interval"]
        row["ends"] = None if ends is None else (scale(ends[0]), scale(ends[1]))
    return {"width": _WIDTH_PX, "rows": rows, "ticks": scale.ticks(5)}


def _answers(calibration: Mapping[str, Any] | None) -> str | None:
    """From which confidence on answers can be trusted, as a sentence."""
    if calibration is None:
        return None
    wanted = f"{100 * calibration['target_accuracy']:.0f} %"
    if calibration["threshold"] is None:
        reason = calibration.get("reason") or "at no confidence are so many right"
        return (
            f"There is no confidence from which on the run can claim {wanted} right answers, so "
            f"that it marks none of its answers as accepted: {reason}."
        )
    coverage = f"{100 * calibration['coverage']:.0f} %"
    return (
        f"Where its confidence is {calibration['threshold']:.2f} or more it is right in {wanted} "
        f"of the cases; that is {coverage} of the validation images. Below it says that it does "
        "not know."
    )
