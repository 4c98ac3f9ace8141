"""Tuning studies as a report shows them: `summary.json` and `trials.csv`, see docs/TUNING.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artstyle_tf.images.index.image_tables import read_csv_table
from artstyle_tf.system.files import read_json_if_whole

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
    summary = read_json_if_whole(folder / "summary.json") or {}
    scores = _read_scores(folder / "trials.csv")
    if not (summary or scores):
        return None
    best = summary.get("best") or {}
    score = best.get("confirmed_macro_f1") or best.get("scores", {}).get("macro_f1")
    return {
        "name": folder.name,
        "scores": scores,
        "best_score": max(scores, default=None) if score is None else float(score),
        "best_settings": best.get("values", {}),
        "num_trials": sum(summary.get("trials", {}).values()) or len(scores),
        "said": " ".join(summary.get("verdicts", [])) or None,
    }


def _read_scores(file: Path) -> list[float]:
    """The objective of the trials that were finished, in their order."""
    try:
        return read_csv_table(file)["macro_f1"].dropna().tolist()
    except (OSError, ValueError, KeyError):
        return []
