"""A run's directory -> the facts that its report is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from artstyle_tf.images.splits.leaks import leaks_in_words
from artstyle_tf.report.run_facts import PART_OF_SPLIT, Judged, RunFacts
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_files import Environment, State, read_values
from artstyle_tf.runs.run_finding import read_results
from artstyle_tf.runs.run_images import all_rows
from artstyle_tf.runs.run_tables import (
    read_curve,
    read_history,
    read_leaks,
    read_per_class,
    read_predictions,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.redaction import redacted

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
        environment=read_values(run.environment_file, Environment),
        times=read_values(run.state_file, State) if run.state_file.is_file() else {},
        config=yaml.safe_load(config_text),
        config_text=config_text,
        images=originals,
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
    class_names = run.read_class_names()
    return Judged(
        part=part,
        predictions=read_predictions(folder / "predictions.csv", class_names, with_confidence=True),
        per_class=read_per_class(folder / "per_class.csv", class_names),
        reliability=_read_optional(folder / "reliability.csv", ("confidence", "accuracy", "count")),
        risk_coverage=_read_optional(
            folder / "risk_coverage.csv", ("threshold", "coverage", "accuracy")
        ),
    )


def _read_optional(file: Path, columns: Sequence[str]) -> pd.DataFrame | None:
    return read_curve(file, columns) if file.is_file() else None


def _read_history(file: Path) -> pd.DataFrame:
    if not file.is_file():
        return pd.DataFrame(columns=list(_HISTORY))
    return read_history(file)


def _read_leaks(run: RunDirectory, images: pd.DataFrame) -> dict[str, str]:
    file = run.path / "leaks.csv"
    if not file.is_file():
        return {}
    return leaks_in_words(read_leaks(file), images)
