"""Comparisons of a run with others, as `compare` has written them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.report.run_facts import PART_OF_SPLIT
from artstyle_tf.report.scales import Scale

_PX = 180


def comparison(found: Sequence[Mapping[str, Any]], run_name: str) -> dict[str, Any] | None:
    """The tables of comparisons; None if the run takes part in none.

    Args:
        found: comparison.json of each, with its `name`.
        run_name: whose report it is.
    """
    tables = [
        table
        for one in found
        for part in reversed(PART_OF_SPLIT.values())
        if part in one["verdicts"] and (table := compared_models(one, part, run_name))
    ]
    return {"tables": tables} if tables else None


def compared_models(
    found: Mapping[str, Any], part: str, run_name: str | None = None
) -> dict[str, Any]:
    """One part of a comparison: models, the best first, and what is said of each pair.

    Args:
        found: what comparison.json holds.
        part: "validation" or "test".
        run_name: whose rows are marked.
    """
    models = sorted(found["models"], key=lambda model: -model[part]["macro_f1"])
    low = min(model["intervals"][part]["macro_f1"][0] for model in models)
    scale = Scale(max(0.0, int(10 * low - 0.5) / 10), 1.0, 4, _PX - 4)
    rows = []
    for model in models:
        score, ends = model[part]["macro_f1"], model["intervals"][part]["macro_f1"]
        rows.append(
            {
                "name": model["name"],
                "is_own": run_name is not None and is_of_run(model["name"], run_name),
                "is_run": run_name is not None and model["name"].endswith(f"({run_name})"),
                "macro_f1": score,
                "interval": ends,
                "accuracy": model[part]["accuracy"],
                "x": scale(score),
                "ends": (scale(ends[0]), scale(ends[1])),
                "training_seconds": model.get("training_seconds"),
                "milliseconds": model.get("milliseconds_per_image"),
                "size_mb": model["size_bytes"] / 1e6 if model.get("size_bytes") else None,
            }
        )
    return {
        "name": found["name"],
        "part": part,
        "num_images": found["num_images"][part],
        "rows": rows,
        "bar_px": _PX,
        "verdicts": [_sentence(entry["verdict"]) for entry in found["verdicts"][part]],
    }


def is_of_run(model_name: str, run_name: str) -> bool:
    """Whether a model of a comparison is this run, or a classifier of its features."""
    inside = model_name[model_name.find("(") + 1 : model_name.rfind(")")]
    return inside == run_name or inside.startswith(f"{run_name}, ")


def _sentence(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."
