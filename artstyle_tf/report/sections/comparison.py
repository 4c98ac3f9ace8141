"""Comparisons with other runs, as `compare` has written them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.report.axes import Scale
from artstyle_tf.report.page import sentence
from artstyle_tf.report.related_results import is_of_run
from artstyle_tf.runs.run_directory import NAME_IN_RESULT

_PX = 180


def comparison(
    found: Sequence[Mapping[str, Any]], run_name: str | None = None
) -> dict[str, Any] | None:
    """Return the tables of comparisons, best model first; None if there are none.

    Args:
        found: comparison.json of each, with its `name`.
        run_name: the run whose rows are highlighted.
    """
    tables = [
        _compared_models(one, part, run_name)
        for one in found
        for part in reversed(NAME_IN_RESULT.values())
        if part in one["verdicts"]
    ]
    return {"tables": tables} if tables else None


def _compared_models(found: Mapping[str, Any], part: str, run_name: str | None) -> dict[str, Any]:
    models = sorted(found["models"], key=lambda model: -model[part]["macro_f1"])
    low = min(model["intervals"][part]["macro_f1"][0] for model in models)
    scale = Scale(max(0.0, int(10 * low - 0.5) / 10), 1.0, 4, _PX - 4)
    rows = []
    for model in models:
        score, interval = model[part]["macro_f1"], model["intervals"][part]["macro_f1"]
        rows.append(
            {
                "name": model["name"],
                "is_own": run_name is not None and is_of_run(model["name"], run_name),
                "is_run": run_name is not None and model["name"].endswith(f"({run_name})"),
                "macro_f1": score,
                "interval": interval,
                "accuracy": model[part]["accuracy"],
                "x": scale(score),
                "ends": scale.ends(interval),
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
        "verdicts": [sentence(entry["verdict"]) for entry in found["verdicts"][part]],
    }
