"""What tuning found: the best settings of each study, and how its trials went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.report.scales import Scale

_BOX = (420, 190)
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 58, 408, 12, 150


def tuning(studies: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Studies for the page; None if there are none.

    Args:
        studies: each with `name` (of the study), `scores` (objective of each finished trial, in
            their order), `best_score` (None if no trial was finished), `best_settings` (key ->
            value), `num_trials`, and `said` (of the study, in words, or None).
    """
    if not studies:
        return None
    return {
        "studies": [
            {**study, "sentence": _sentence(study["said"]), "chart": _chart(study["scores"])}
            for study in studies
        ]
    }


def _sentence(said: str | None) -> str | None:
    if not said:
        return None
    return f"{said[0].upper()}{said[1:]}{'' if said.endswith('.') else '.'}"


def _chart(scores: Sequence[float]) -> dict[str, Any] | None:
    """Every trial as a point, and the best so far as a line."""
    if len(scores) < 2:
        return None
    low, high = min(scores), max(scores)
    room = 0.08 * (high - low) or 0.05
    y = Scale(low - room, high + room, _BOTTOM_PX, _TOP_PX)
    x = Scale(0.5, len(scores) + 0.5, _LEFT_PX, _RIGHT_PX)
    best, steps = scores[0], []
    for number, score in enumerate(scores, start=1):
        best = max(best, score)
        steps.append((x(number), y(best)))
    path = f"M{steps[0][0]:g},{steps[0][1]:g}" + "".join(f"H{a:g}V{b:g}" for a, b in steps[1:])
    return {
        "box": _BOX,
        "frame": (_LEFT_PX, _TOP_PX, _RIGHT_PX, _BOTTOM_PX),
        "points": [(x(number), y(score)) for number, score in enumerate(scores, start=1)],
        "path": path,
        "x_ticks": x.ticks(8, whole=True),
        "y_ticks": y.ticks(4),
        "said": f"{len(scores)} trials, scores from {low:.3f} to {high:.3f}.",
    }
