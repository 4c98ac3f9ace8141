"""Tuning studies as a report shows them: the one place that knows their files.

A study is a folder `outputs/param-optim-<kind>/<study>/` with these files, of which any may be
missing or hold more:

- `summary.json`: `num_trials`, `best_score`, and `verdict`, what is said of the study in words;
- `best.json`: the best settings, dotted key of the config -> value, perhaps below `settings`;
- `trials.csv`: one row a trial; `score` is the objective, empty if the trial was not finished.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

_MOST_STUDIES = 3


def read_tuning(outputs: Path, kind: str) -> list[dict[str, Any]]:
    """The newest studies of a kind of training, for `report.sections.tuning`.

    Args:
        outputs: the outputs folder.
        kind: "direct" or "triplet".
    """
    root = outputs / f"param-optim-{kind}"
    folders = sorted(root.glob("*/"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    found = [_read_study(folder) for folder in folders]
    return [study for study in found if study is not None][:_MOST_STUDIES]


def _read_study(folder: Path) -> dict[str, Any] | None:
    summary, best = _read_json(folder / "summary.json"), _read_json(folder / "best.json")
    scores = _read_scores(folder / "trials.csv")
    if not (summary or best or scores):
        return None
    score = summary.get("best_score", max(scores, default=None))
    settings = best.get("settings", best)
    return {
        "name": folder.name,
        "scores": scores,
        "best_score": None if score is None else float(score),
        "best_settings": settings if isinstance(settings, Mapping) else {},
        "num_trials": int(summary.get("num_trials", len(scores))),
        "said": summary.get("verdict"),
    }


def _read_scores(file: Path) -> list[float]:
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError):
        return []
    if "score" not in table:
        return []
    return pd.to_numeric(table["score"], errors="coerce").dropna().tolist()


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
