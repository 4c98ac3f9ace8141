"""Images that runs answer differently, and those that none of them gets right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from artstyle_tf.report.run_facts import RunFacts

_MOST_SHOWN = 18


def disagreements(runs: Sequence[RunFacts]) -> dict[str, Any] | None:
    """Both kinds of images among those that all runs were judged by; None if there are none.

    Args:
        runs: two or more.
    """
    table = answers_side_by_side(runs)
    if table.empty:
        return None
    names = [facts.name for facts in runs]
    right = table[names].eq(table["label"], axis=0)
    num_right = right.sum(axis=1)
    all_wrong = table[num_right == 0]
    # Those on which most runs agree come first: one run stands alone there.
    split = table[(num_right > 0) & (num_right < len(names))]
    split = split.loc[(num_right[split.index] - len(names) / 2).abs().sort_values().index[::-1]]
    return {
        "num_images": len(table),
        "num_all_right": int((num_right == len(names)).sum()),
        "all_wrong": _entries(all_wrong, names),
        "num_all_wrong": len(all_wrong),
        "split": _entries(split, names),
        "num_split": len(split),
    }


def answers_side_by_side(runs: Sequence[RunFacts]) -> pd.DataFrame:
    """path, label and a column a run, of the images that judge them all."""
    first, *others = runs
    kept = ["path", "label", "prediction"]
    table = first.judged.predictions[kept].rename(columns={"prediction": first.name})
    for facts in others:
        theirs = facts.judged.predictions[kept].rename(columns={"prediction": facts.name})
        table = table.merge(theirs, on=["path", "label"])
    return table.reset_index(drop=True)


def _entries(table: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "path": row["path"],
            "label": row["label"],
            "said": [(name, row[name], row[name] == row["label"]) for name in names],
        }
        for row in table.head(_MOST_SHOWN).to_dict("records")
    ]


def shown_paths(content: dict[str, Any] | None) -> list[str]:
    """Images that the section shows."""
    if content is None:
        return []
    return [entry["path"] for entry in (*content["all_wrong"], *content["split"])]
