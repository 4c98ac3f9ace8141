"""The text of a dry run."""

from __future__ import annotations

from typing import Any


def summarize_plan(plan: dict[str, Any]) -> str:
    """Format the plan of a job, one line per key.

    Args:
        plan: result of the `plan` function of a job; its key `dry_run` is true.
    """
    lines = [f"{key}: {value}" for key, value in plan.items() if key != "dry_run"]
    return "\n".join(["Dry run: nothing was written.", *lines])
