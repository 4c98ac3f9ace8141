"""F1 of each style by each run: who is good at what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from artstyle_tf.report.run_facts import RunFacts


def styles_by_run(runs: Sequence[RunFacts]) -> dict[str, Any]:
    """One row a style, one column a run; the best of a row is marked."""
    names = list(dict.fromkeys(name for facts in runs for name in facts.class_names))
    columns = [dict(zip(table["class"], table["f1"], strict=True)) for table in _tables(runs)]
    rows = []
    for name in names:
        scores = [float(column.get(name, np.nan)) for column in columns]
        known = [score for score in scores if np.isfinite(score)]
        best = max(known, default=None)
        cells = [
            (score if np.isfinite(score) else None, len(known) > 1 and score == best)
            for score in scores
        ]
        rows.append({"name": name, "cells": cells})
    return {"runs": [facts.name for facts in runs], "rows": rows}


def _tables(runs: Sequence[RunFacts]) -> list[Any]:
    return [facts.judged.per_class for facts in runs]
