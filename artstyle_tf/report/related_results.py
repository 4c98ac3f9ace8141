"""Read results about a run from the outputs folder: analyses, comparisons, tuning, exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from artstyle_tf.images.index.image_tables import read_csv_table
from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.system.files import read_json_if_whole

_MOST_COMPARISONS = 3
_MOST_STUDIES = 3
# Two trainings have the same recipe if these sections of their configs are equal.
_RECIPE = ("kind", "model", "training")


@dataclass(frozen=True)
class RelatedResults:
    """Results about a run that were computed after it was finished, as far as there are any.

    Attributes:
        analysis: analysis.json of its newest analysis, with its `name`.
        cross_validation: metrics.json of the newest one with the same recipe.
        inspection: summary.json of the newest one of the same image folder.
        comparisons: comparison.json of those that include the run, with their `name`.
        tuning: tuning studies of this kind of training; see `read_tuning`.
        formats: formats.csv of its export; empty for a SavedModel alone, None without an export.
    """

    analysis: Mapping[str, Any] | None = None
    cross_validation: Mapping[str, Any] | None = None
    inspection: Mapping[str, Any] | None = None
    comparisons: Sequence[Mapping[str, Any]] = ()
    tuning: Sequence[Mapping[str, Any]] = ()
    formats: pd.DataFrame | None = None


def read_related_results(facts: RunFacts, outputs: Path) -> RelatedResults:
    """Find results about a run in `outputs`, the folder that contains its `models/<run>`."""
    changed = facts.times.get("changed")
    # What is older than the end of the run belongs to an earlier run of this name.
    since = 0.0 if changed is None else datetime.fromisoformat(changed).timestamp()
    analyses = (
        {**found, "name": folder.name, "folder": folder}
        for folder, found in _results(outputs / "analyses", "analysis.json", since)
        if found.get("run") and Path(found["run"]).name == facts.name
    )
    newest: dict[frozenset[str], dict[str, Any]] = {}  # of comparisons of the same models
    for folder, found in _results(outputs / "comparisons", "comparison.json", since):
        models = frozenset(model["name"] for model in found["models"])
        if any(is_of_run(model, facts.name) for model in models):
            newest.setdefault(models, {**found, "name": folder.name})
    inspections = (
        found
        for _, found in _results(outputs / "inspections", "summary.json")
        if _is_same_folder(found.get("images", ""), facts.config["data"]["images"])
    )
    export = outputs / "models" / facts.name / "export"
    formats = pd.DataFrame() if (export / "saved_model").is_dir() else None
    if (export / "formats.csv").is_file():
        formats = read_csv_table(export / "formats.csv")
    return RelatedResults(
        analysis=next(analyses, None),
        cross_validation=_cross_validation(facts, outputs),
        inspection=next(inspections, None),
        comparisons=list(newest.values())[:_MOST_COMPARISONS],
        tuning=read_tuning(outputs, facts.kind),
        formats=formats,
    )


def is_of_run(model_name: str, run_name: str) -> bool:
    """Return whether a model of a comparison is this run, or a classifier of its features."""
    inside = model_name[model_name.find("(") + 1 : model_name.rfind(")")]
    return inside == run_name or inside.startswith(f"{run_name}, ")


def _results(folder: Path, name: str, since: float = 0.0) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield folders below `folder` with their results, newest first; damaged ones are skipped."""
    files = [(file.stat().st_mtime, file) for file in folder.glob(f"*/{name}")]
    for changed, file in sorted(files, reverse=True):
        if changed < since:
            return
        found = read_json_if_whole(file)
        if found is not None:
            yield file.parent, found


def _cross_validation(facts: RunFacts, outputs: Path) -> dict[str, Any] | None:
    """Return the newest cross-validation of the same recipe on the same image folder."""
    for folder, found in _results(outputs / "cross_validation", "metrics.json"):
        try:
            config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            continue
        same_recipe = all(config.get(key) == facts.config.get(key) for key in _RECIPE)
        images = config["data"]["images"]
        if same_recipe and _is_same_folder(images, facts.config["data"]["images"]):
            return found
    return None


def _is_same_folder(one: Any, other: Any) -> bool:
    return Path(str(one)).resolve() == Path(str(other)).resolve()


def read_tuning(outputs: Path, kind: str) -> list[dict[str, Any]]:
    """Read the newest tuning studies of a kind of training; see docs/how-to/tuning.md.

    Args:
        outputs: the outputs folder.
        kind: "direct" or "triplet".

    Returns:
        For each study `name`, `scores` (objective of each finished trial, in order), `best_score`
        (None if no trial was finished), `best_settings` (key -> value), `num_trials`, and
        `verdict` (text or None).
    """
    root = outputs / f"param-optim-{kind}"
    folders = sorted(root.glob("*/"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    found = [_read_study(folder) for folder in folders]
    return [study for study in found if study is not None][:_MOST_STUDIES]


def _read_study(folder: Path) -> dict[str, Any] | None:
    summary = read_json_if_whole(folder / "summary.json") or {}
    try:
        scores = read_csv_table(folder / "trials.csv")["macro_f1"].dropna().tolist()
    except (OSError, ValueError, KeyError):
        scores = []
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
        "verdict": " ".join(summary.get("verdicts", [])) or None,
    }
