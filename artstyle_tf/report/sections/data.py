"""The images of a run: counts, samples, and problems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.report.axes import Scale
from artstyle_tf.report.page import PageImages
from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import RunFacts

SAMPLES_PER_STYLE = 6

_SPLITS = ("train", "val", "test")
_BAR_PX = 200
_MOST_UNREADABLE = 20
_SEVERITIES_SHOWN = ("error", "warning")


def data(facts: RunFacts, related: RelatedResults, images: PageImages) -> dict[str, Any]:
    """Return counts by style and split, samples, leaks, unreadable files, inspection findings."""
    counts = pd.crosstab(facts.images["label"], facts.images["split"])
    splits = [split for split in _SPLITS if split in counts]
    counts = counts.reindex(index=list(facts.class_names), columns=splits, fill_value=0)
    scale = Scale(0, max(1, int(counts.sum(axis=1).max())), 0, _BAR_PX)
    groups = facts.images["group"]
    unreadable = list(facts.results.get("unreadable", ()))
    inspection = related.inspection or {}
    return {
        "splits": splits,
        "bar_px": _BAR_PX,
        "rows": [_row(str(name), row, scale) for name, row in counts.iterrows()],
        "totals": [int(counts[split].sum()) for split in splits],
        "total": int(counts.to_numpy().sum()),
        "num_copies": facts.num_copies,
        "num_groups": int(groups.nunique()) if groups.duplicated().any() else None,
        "samples": [
            (name, paths)
            for name in facts.class_names
            if (paths := sample_paths(facts, name, among=images))
        ],
        "leaks": list(facts.leaks.values()),
        "unreadable": unreadable[:_MOST_UNREADABLE],
        "num_unreadable": len(unreadable),
        "findings": [
            finding
            for finding in inspection.get("findings", ())
            # Leaks of the run are listed already.
            if finding["severity"] in _SEVERITIES_SHOWN and finding["code"] not in facts.leaks
        ],
    }


def _row(name: str, counts: pd.Series, scale: Scale) -> dict[str, Any]:
    ends = np.cumsum([0, *counts])
    return {
        "name": name,
        "counts": [int(count) for count in counts],
        "total": int(counts.sum()),
        "pieces": [
            (split, scale(start), round(scale(end) - scale(start), 1))
            for split, start, end in zip(counts.index, ends[:-1], ends[1:], strict=True)
        ],
    }


def sample_paths(facts: RunFacts, name: str, *, among: Any = None) -> list[str]:
    """Choose images of a style, spread over its list; training images where there are any.

    Args:
        facts: of the run.
        name: of the style.
        among: keys that may be chosen; None for all.
    """
    own = facts.images[facts.images["label"] == name]
    paths = own.sort_values("split", key=lambda split: split != "train", kind="stable")["source"]
    available = [path for path in paths if among is None or path in among]
    num_train = int((own["split"] == "train").sum())
    available = available[: max(SAMPLES_PER_STYLE, min(num_train, len(available)))]
    num_chosen = min(SAMPLES_PER_STYLE, len(available))
    return [
        available[round(position)] for position in np.linspace(0, len(available) - 1, num_chosen)
    ]
