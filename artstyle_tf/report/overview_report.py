"""Write the page that compares several runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.evaluation.compare import compare_contenders
from artstyle_tf.evaluation.contenders import read_contenders
from artstyle_tf.evaluation.settings import CompareExperiment
from artstyle_tf.report.page import PageImages, render_page
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.run_facts import RunFacts, flat_config, read_run_facts
from artstyle_tf.report.run_page import KIND_IN_WORDS, Section
from artstyle_tf.report.sections.comparison import comparison
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter

_SIDE_PX = 144
_MOST_SHOWN = 18

# Paths and outputs are not part of a recipe.
_LEFT_OUT = ("run_name", "outputs", "data.prepared", "cross_validation", "report")


def write_overview(
    file: Path,
    runs: Sequence[RunDirectory],
    reports: Sequence[Path],
    reporter: Reporter,
) -> None:
    """Write the page of two or more finished runs, with links to their reports."""
    facts = [read_run_facts(run) for run in runs]
    links = [Path(os.path.relpath(report, file.parent)).as_posix() for report in reports]
    differing = disagreements(facts)
    shown = [] if differing is None else [*differing["all_wrong"], *differing["split"]]
    files = PreparedFiles(runs[0], facts[0])
    images = files.thumbnails([entry["path"] for entry in shown], _SIDE_PX, reporter)
    sections = [
        Section("compared_runs", "Model comparison", _compared(runs, facts, links, reporter)),
        Section("styles_by_run", "F1 by style", styles_by_run(facts)),
        Section("disagreements", "Disagreements", differing),
        Section("recipes", "Configuration differences", recipes(facts)),
    ]
    context = {
        "title": file.parent.name,
        "kind": f"Comparison of {len(runs)} runs",
        "created": "",
        "sections": [section for section in sections if section.content is not None],
    }
    write_text(file, render_page("overview.html", PageImages(images), context))


def _compared(
    directories: Sequence[RunDirectory],
    runs: Sequence[RunFacts],
    links: Sequence[str],
    reporter: Reporter,
) -> dict[str, Any]:
    """Compare the runs; runs without common images are listed without a comparison."""
    config = CompareExperiment(runs=tuple(str(run.path) for run in directories), classifiers=())
    tables, why_not = [], None
    try:
        contenders = read_contenders(config, reporter, measure=False)
        found = {**compare_contenders(contenders, reporter=reporter), "name": ""}
        tables = (comparison([found]) or {"tables": []})["tables"]
    except ArtstyleError as error:
        why_not = str(error)
    return {
        "tables": tables,
        "why_not": why_not,
        "runs": [
            {
                "name": facts.name,
                "link": link,
                "kind": KIND_IN_WORDS[facts.kind].lower(),
                "part": facts.evaluated.part,
                "macro_f1": float(facts.scores["macro_f1"]),
                "interval": facts.interval("macro_f1"),
                "num_images": len(facts.evaluated),
            }
            for facts, link in zip(runs, links, strict=True)
        ],
    }


def styles_by_run(runs: Sequence[RunFacts]) -> dict[str, Any]:
    """Return the F1 of each style (row) and run (column); the best of a row is marked."""
    tables = [facts.evaluated.per_class.set_index("class")["f1"] for facts in runs]
    rows = []
    for name in dict.fromkeys(name for facts in runs for name in facts.class_names):
        scores = [float(table.get(name, np.nan)) for table in tables]
        known = [score for score in scores if np.isfinite(score)]
        best = max(known, default=None)
        cells = [
            (score if np.isfinite(score) else None, len(known) > 1 and score == best)
            for score in scores
        ]
        rows.append({"name": name, "cells": cells})
    return {"runs": [facts.name for facts in runs], "rows": rows}


def disagreements(runs: Sequence[RunFacts]) -> dict[str, Any] | None:
    """Return shared images that some or all runs misclassify; None if no images are shared."""
    columns = ["path", "label", "prediction"]
    table = runs[0].evaluated.predictions[columns]
    table = table.rename(columns={"prediction": runs[0].name})
    for facts in runs[1:]:
        other = facts.evaluated.predictions[columns].rename(columns={"prediction": facts.name})
        table = table.merge(other, on=["path", "label"])
    if table.empty:
        return None
    names = [facts.name for facts in runs]
    num_right = table[names].eq(table["label"], axis=0).sum(axis=1)
    all_wrong = table[num_right == 0]
    # Images on which all runs but one agree come first.
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


def _entries(table: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "path": row["path"],
            "label": row["label"],
            "predictions": [(name, row[name], row[name] == row["label"]) for name in names],
        }
        for row in table.head(_MOST_SHOWN).to_dict("records")
    ]


def recipes(runs: Sequence[RunFacts]) -> dict[str, Any] | None:
    """Return the config keys that differ with the value in each run; None if all are equal."""
    flat = [flat_config(facts.config) for facts in runs]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = [
        (key, [one.get(key, "–") for one in flat])
        for key in keys
        if len({one.get(key) for one in flat}) > 1
        and not any(key == name or key.startswith(f"{name}.") for name in _LEFT_OUT)
    ]
    return {"runs": [facts.name for facts in runs], "rows": rows} if rows else None
