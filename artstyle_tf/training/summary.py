"""What a training says at its end, for people."""

from __future__ import annotations

from typing import Any

from artstyle_tf.runs.run_directory import NAME_IN_RESULT
from artstyle_tf.training.baseline_comparison import summarise_floor
from artstyle_tf.training.evaluation import format_metrics, summarise_calibration

_REFITTED = "         then refitted with the validation pictures, which were measured before"


def summarise_training(result: dict[str, Any]) -> str:
    """The result as text."""
    if result.get("dry_run"):
        lines = [f"{key}: {value}" for key, value in result.items() if key != "dry_run"]
        return "Dry run: nothing was written.\n" + "\n".join(lines)
    scores = {name: result[name] for name in NAME_IN_RESULT.values() if name in result}
    best = "the start" if result["best_epoch"] == 0 else f"epoch {result['best_epoch']}"
    return "\n".join(
        [
            format_metrics(scores, result["intervals"]),
            *summarise_floor(result),
            summarise_calibration(result["calibration"]),
            f"Best:    {best}",
            *([_REFITTED] if result["refitted"] else []),
            f"Model:   {result['model']}",
            f"Figures: {result['figures']}",
            *([f"Report:  {result['report']}"] if result["report"] else []),
            f"Run:     {result['run']} ({result['seconds']['total']:.0f} s)",
        ]
    )
