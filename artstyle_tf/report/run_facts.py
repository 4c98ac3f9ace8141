"""Read a finished run into the plain values that its report shows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from artstyle_tf.config.loading import flatten
from artstyle_tf.images.splits.leaks import leaks_in_words
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.runs.run_files import Environment, State, read_values
from artstyle_tf.runs.run_finding import read_results
from artstyle_tf.runs.run_tables import (
    read_curve,
    read_history,
    read_leaks,
    read_per_class,
    read_predictions,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.redaction import redacted

_SIGNIFICANCE = 0.05
_HISTORY = ("epoch", "phase", "loss", "val_loss", "macro_f1", "val_macro_f1")


@dataclass(frozen=True)
class Evaluated:
    """Predictions of a run for the N images of one part, with scores.

    Attributes:
        part: "test" or "validation".
        predictions: N rows: path, label, prediction, confidence, and a probability per class.
        per_class: class, precision, recall, f1, support and, if known, f1_low and f1_high.
        reliability: see `metrics.calibration`; None for runs of earlier versions.
        risk_coverage: see `metrics.calibration`; None for runs of earlier versions.
    """

    part: str
    predictions: pd.DataFrame
    per_class: pd.DataFrame
    reliability: pd.DataFrame | None = None
    risk_coverage: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    def mistakes(self) -> pd.DataFrame:
        """Return the misclassified images, most confident first."""
        wrong = self.predictions[self.predictions["prediction"] != self.predictions["label"]]
        return wrong.sort_values("confidence", ascending=False, kind="stable")


@dataclass(frozen=True)
class RunFacts:
    """A finished run.

    Attributes:
        name: of the run.
        kind: "direct" or "triplet".
        folder: of the run, as written in a command.
        class_names: in the order of the outputs.
        results: metrics.json.
        environment: environment.json.
        times: run.json: state, started, changed.
        config: config.yaml as a dict.
        config_text: config.yaml as text.
        images: one row per image without augmented copies: source, label, split, group.
        num_copies: number of augmented copies.
        history: one row per epoch.
        evaluated: the test images, or the validation images if there is no test split.
        leaks: kind of leak -> description.
    """

    name: str
    kind: str
    folder: str
    class_names: Sequence[str]
    results: Mapping[str, Any]
    environment: Mapping[str, Any]
    times: Mapping[str, Any]
    config: Mapping[str, Any]
    config_text: str
    images: pd.DataFrame
    num_copies: int
    history: pd.DataFrame
    evaluated: Evaluated
    leaks: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_embedding(self) -> bool:
        """Whether predictions come from nearest neighbors."""
        return self.kind == "triplet"

    @property
    def scores(self) -> Mapping[str, float]:
        """Scores of the evaluated part."""
        return self.results[self.evaluated.part]

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Return the 95% interval of a score; None for runs of earlier versions."""
        found = self.results.get("intervals", {}).get(self.evaluated.part, {}).get(metric)
        return None if found is None else (float(found[0]), float(found[1]))

    @property
    def baseline(self) -> Mapping[str, Any] | None:
        """Scores of the baseline on the evaluated part, with the verdict."""
        return self.results.get("baseline", {}).get(self.evaluated.part)


def read_run_facts(run: RunDirectory) -> RunFacts:
    """Read a finished run.

    Raises:
        ArtstyleError: if it is not finished, or one of its files is missing.
    """
    results = read_results(run)
    try:
        return _read(run, results)
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            f"The run {run.path} cannot be read",
            received=" ".join(str(error).split())[:200],
            expected="the files that a finished training writes",
            fix="train it again",
        ) from error


def _read(run: RunDirectory, results: dict[str, Any]) -> RunFacts:
    rows = run.read_images()
    originals = rows[rows["parent"] == ""].reset_index(drop=True)
    # Earlier versions also wrote passwords of addresses.
    config_text = redacted(run.config_file.read_text(encoding="utf-8"))
    history, leaks = run.history_file, run.path / "leaks.csv"
    return RunFacts(
        name=run.path.name,
        kind=run.read_kind(),
        folder=_relative(run.path),
        class_names=run.read_class_names(),
        results=results,
        environment=read_values(run.environment_file, Environment),
        times=read_values(run.state_file, State) if run.state_file.is_file() else {},
        config=yaml.safe_load(config_text),
        config_text=config_text,
        images=originals,
        num_copies=len(rows) - len(originals),
        history=read_history(history) if history.is_file() else pd.DataFrame(columns=_HISTORY),
        evaluated=_read_evaluated(run, results),
        leaks=leaks_in_words(read_leaks(leaks), originals) if leaks.is_file() else {},
    )


def _relative(path: Path) -> str:
    """Return the path relative to the working directory, or unchanged if it lies elsewhere."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else Path(relative).as_posix()


def _read_evaluated(run: RunDirectory, results: dict[str, Any]) -> Evaluated:
    part = next(part for part in reversed(NAME_IN_RESULT.values()) if part in results)
    folder = run.path / part
    class_names = run.read_class_names()
    curves = {
        "reliability": ("confidence", "accuracy", "count"),
        "risk_coverage": ("threshold", "coverage", "accuracy"),
    }
    return Evaluated(
        part,
        read_predictions(folder / "predictions.csv", class_names, with_confidence=True),
        read_per_class(folder / "per_class.csv", class_names),
        **{
            name: read_curve(folder / f"{name}.csv", columns)
            for name, columns in curves.items()
            if (folder / f"{name}.csv").is_file()
        },
    )


def outcome_of(baseline: Mapping[str, Any]) -> str:
    """Return whether the run is "better" or "worse" than the baseline, or the "same".

    "same" means no significant difference. Runs of earlier versions did not store it; there
    interval and exact test decide, as they do now.
    """
    if "outcome" in baseline:
        return str(baseline["outcome"])
    found = baseline["trained_against_baseline"]
    low, high = found["interval"]
    if found.get("p_value", 0.0) >= _SIGNIFICANCE:
        return "same"
    return "better" if low > 0 else "worse" if high < 0 else "same"


class Confusion(NamedTuple):
    """Images of one style that were predicted as another.

    Attributes:
        label: true style.
        prediction: predicted style.
        num_images: how many.
        share: of the images of the true style.
    """

    label: str
    prediction: str
    num_images: int
    share: float


def confusions(evaluated: Evaluated) -> list[Confusion]:
    """Return the confused pairs of styles, most images first, then the larger share."""
    support = evaluated.predictions["label"].value_counts()
    counts = evaluated.mistakes().groupby(["label", "prediction"], sort=True).size()
    found = [
        Confusion(label, prediction, int(count), float(count / support[label]))
        for (label, prediction), count in counts.items()  # pyright: ignore[reportGeneralTypeIssues]
    ]
    return sorted(found, key=lambda pair: (-pair.num_images, -pair.share))


def confusion_counts(evaluated: Evaluated, class_names: Sequence[str]) -> np.ndarray:
    """Return the confusion matrix, int [C, C]; rows are the true classes."""
    table = pd.crosstab(evaluated.predictions["label"], evaluated.predictions["prediction"])
    names = list(class_names)
    return table.reindex(index=names, columns=names, fill_value=0).to_numpy(dtype=int)


def flat_config(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the dotted keys of a config with their values as text."""
    return {key: "null" if value is None else str(value) for key, value in flatten(config).items()}
