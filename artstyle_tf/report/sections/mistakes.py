"""Images that were named wrongly, the surest mistakes first."""

from __future__ import annotations

from typing import Any

import pandas as pd

from artstyle_tf.report.run_facts import RunFacts


def mistakes(facts: RunFacts, *, most: int) -> dict[str, Any] | None:
    """The mistakes with the confidence in the right style; None if there are none.

    Args:
        facts: of the run.
        most: images to show.
    """
    wrong = facts.judged.mistakes()
    if wrong.empty:
        return None
    return {
        "part": facts.judged.part,
        "num_all": len(wrong),
        "images": [_entry(row) for _, row in wrong.head(most).iterrows()],
    }


def _entry(row: pd.Series) -> dict[str, Any]:
    return {
        "path": row["path"],
        "label": row["label"],
        "prediction": row["prediction"],
        "confidence": float(row["confidence"]),
        "of_label": float(row.get(f"probability_{row['label']}", float("nan"))),
    }
