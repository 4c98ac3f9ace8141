"""What lies in the outputs folder about a run beside its own directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from artstyle_tf.images.index.image_tables import read_csv_table
from artstyle_tf.report.run_facts import FurtherResults, RunFacts
from artstyle_tf.report.sections.comparison import is_of_run
from artstyle_tf.system.files import read_json_if_whole

_MOST_COMPARISONS = 3
_MOST_STUDIES = 3
# What makes two trainings the same recipe.
_RECIPE = ("kind", "model", "training")


def read_further_results(facts: RunFacts, outputs: Path) -> FurtherResults:
    """Finds what was made of a run, or for it, after it was finished.

    Args:
        facts: of the run.
        outputs: the folder in which its `models/<run>` lies.
    """
    since = _end_of(facts)
    analyses = [
        {**found, "name": folder.name, "folder": folder}
        for folder, found in _results(outputs / "analyses", "analysis.json", since)
        if found.get("run") and Path(found["run"]).name == facts.name
    ]
    comparisons = [
        {**found, "name": folder.name}
        for folder, found in _results(outputs / "comparisons", "comparison.json", since)
        if any(is_of_run(model["name"], facts.name) for model in found["models"])
    ]
    return FurtherResults(
        analysis=analyses[0] if analyses else None,
        cross_validation=_cross_validation(facts, outputs),
        inspection=_inspection(facts, outputs),
        comparisons=_different(comparisons)[:_MOST_COMPARISONS],
        tuning=read_tuning(outputs, facts.kind),
        formats=_formats(outputs / "models" / facts.name / "export"),
    )


def _different(comparisons: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of comparisons of the same models only the newest."""
    newest: dict[frozenset[str], dict[str, Any]] = {}
    for found in comparisons:
        newest.setdefault(frozenset(model["name"] for model in found["models"]), found)
    return list(newest.values())


def _end_of(facts: RunFacts) -> float:
    """When the run was finished; what is older speaks of an earlier run of this name."""
    changed = facts.times.get("changed")
    return 0.0 if changed is None else datetime.fromisoformat(changed).timestamp()


def _results(folder: Path, name: str, since: float = 0.0) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folders below `folder` with a result, the newest first; a damaged one is passed over."""
    files = [(file.stat().st_mtime, file) for file in folder.glob(f"*/{name}")]
    for changed, file in sorted(files, reverse=True):
        if changed < since:
            return
        found = read_json_if_whole(file)
        if found is not None:
            yield file.parent, found


def _cross_validation(facts: RunFacts, outputs: Path) -> dict[str, Any] | None:
    """Of the same recipe on the same folder of images."""
    for folder, found in _results(outputs / "cross_validation", "metrics.json"):
        try:
            config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            continue
        same_recipe = all(config.get(key) == facts.config.get(key) for key in _RECIPE)
        if same_recipe and _same_folder(config["data"]["images"], _images(facts)):
            return found
    return None


def _inspection(facts: RunFacts, outputs: Path) -> dict[str, Any] | None:
    for _, found in _results(outputs / "inspections", "summary.json"):
        if _same_folder(str(found.get("images", "")), _images(facts)):
            return found
    return None


def _images(facts: RunFacts) -> str:
    return str(facts.config["data"]["images"])


def _same_folder(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _formats(export: Path) -> pd.DataFrame | None:
    """Formats side by side; an empty table if only the SavedModel was written, None without one."""
    if (export / "formats.csv").is_file():
        return read_csv_table(export / "formats.csv")
    return pd.DataFrame() if (export / "saved_model").is_dir() else None


def read_tuning(outputs: Path, kind: str) -> list[dict[str, Any]]:
    """The newest studies of a kind of training, for `report.sections.tuning`.

    What is in a study's folder is in docs/how-to/tuning.md.

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
