"""A run's directory -> the facts that its report is made of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from artstyle_tf.data.leaks import leaks_in_words
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.redaction import redacted
from artstyle_tf.report.run_facts import PART_OF_SPLIT, Judged, RunFacts
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.exporting.model_facts import read_results
from artstyle_tf.workflows.run_pictures import all_rows

_HISTORY = ("epoch", "phase", "loss", "val_loss", "macro_f1", "val_macro_f1")


def read_run_facts(run: RunDirectory) -> RunFacts:
    """Reads a finished run.

    Raises:
        ArtstyleError: if it is not finished, or something that belongs to it is gone.
    """
    results = read_results(run)
    try:
        return _read(run, results)
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            f"The run {run.path} cannot be read",
            received=" ".join(str(error).split())[:200],
            expected="the files that a finished training has left in it",
            fix="train it again",
        ) from error


def _read(run: RunDirectory, results: dict[str, Any]) -> RunFacts:
    rows = all_rows(run)
    originals = rows[rows["parent"] == ""].reset_index(drop=True)
    # Earlier versions wrote passwords of addresses, too.
    config_text = redacted(run.config_file.read_text(encoding="utf-8"))
    return RunFacts(
        name=run.path.name,
        kind=run.read_kind(),
        folder=as_typed(run.path),
        class_names=run.read_class_names(),
        results=results,
        environment=_read_json(run.environment_file),
        times=_read_json(run.state_file) if run.state_file.is_file() else {},
        config=yaml.safe_load(config_text),
        config_text=config_text,
        pictures=originals,
        num_copies=len(rows) - len(originals),
        history=_read_history(run.history_file),
        judged=_read_judged(run, results),
        leaks=_read_leaks(run, originals),
    )


def as_typed(path: Path) -> str:
    """A path as a person would type it here: relative, unless it lies elsewhere."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else Path(relative).as_posix()


def _read_judged(run: RunDirectory, results: dict[str, Any]) -> Judged:
    part = next(part for part in reversed(PART_OF_SPLIT.values()) if part in results)
    folder = run.path / part
    predictions = pd.read_csv(
        folder / "predictions.csv",
        keep_default_na=False,
        dtype={"path": str, "label": str, "prediction": str},
    )
    per_class = pd.read_csv(folder / "per_class.csv", dtype={"class": str}, na_filter=False)
    numbers = [name for name in per_class if name != "class"]
    per_class[numbers] = per_class[numbers].apply(pd.to_numeric, errors="coerce")
    return Judged(
        part=part,
        predictions=predictions,
        per_class=per_class,
        reliability=_read_optional(folder / "reliability.csv"),
        risk_coverage=_read_optional(folder / "risk_coverage.csv"),
    )


def _read_optional(file: Path) -> pd.DataFrame | None:
    return pd.read_csv(file).dropna() if file.is_file() else None


def _read_history(file: Path) -> pd.DataFrame:
    if not file.is_file():
        return pd.DataFrame(columns=list(_HISTORY))
    return pd.read_csv(file, dtype={"phase": str})


def _read_leaks(run: RunDirectory, pictures: pd.DataFrame) -> dict[str, str]:
    file = run.path / "leaks.csv"
    if not file.is_file():
        return {}
    return leaks_in_words(pd.read_csv(file, dtype=str, keep_default_na=False), pictures)


def _read_json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))
