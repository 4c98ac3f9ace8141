"""What a dry run says, for people."""

from __future__ import annotations

from typing import Any


def summarize_plan(plan: dict[str, Any]) -> str:
    """What a job would do as text, a line for each of its keys.

    Args:
        plan: what the `plan` of a job returned; its key `dry_run` is true.
    """
    lines = [f"{key}: {value}" for key, value in plan.items() if key != "dry_run"]
    return "\n".join(["Dry run: nothing was written.", *lines])
