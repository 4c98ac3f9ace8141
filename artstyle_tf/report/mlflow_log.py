"""A finished run, logged to MLflow: parameters, metrics, figures, model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.report.places import REPORT_FILE
from artstyle_tf.report.run_facts import PART_OF_SPLIT, RunFacts
from artstyle_tf.report.run_reading import read_run_facts
from artstyle_tf.report.sections.recipes import flat_config
from artstyle_tf.runs.run_directory import RunDirectory

_PARAMETERS_AT_ONCE = 100  # as many as a server takes
_LONGEST_VALUE = 500


def log_to_mlflow(run: RunDirectory, *, tracking_uri: str | None, experiment: str) -> str:
    """Logs a finished run.

    Args:
        run: its directory.
        tracking_uri: of the store or server; None for MLflow's own choice.
        experiment: it belongs to; made if it does not exist.

    Returns:
        The id that MLflow has given it.
    """
    # Read when it is imported: it reports its use over the network unasked, except within tests.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow  # pyright: ignore[reportMissingImports]

    facts = read_run_facts(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own deprecations
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name=facts.name) as logged:
            _log_parameters(mlflow, facts)
            for step, metrics in epoch_metrics(facts):
                mlflow.log_metrics(metrics, step=step)
            mlflow.log_metrics(final_metrics(facts))
            for file in _files(run):
                mlflow.log_artifact(str(file))
            for folder in (run.path / part for part in PART_OF_SPLIT.values()):
                if folder.is_dir():
                    mlflow.log_artifacts(str(folder), folder.name)
            if run.figures.is_dir():
                mlflow.log_artifacts(str(run.figures), "figures")
            mlflow.log_artifact(str(run.model_file), "model")
        return str(logged.info.run_id)


def _files(run: RunDirectory) -> Iterator[Path]:
    named = (run.config_file, run.metrics_file, run.environment_file, run.history_file)
    more = (run.class_names_file, run.calibration_file, run.split_file)
    report = run.path / REPORT_FILE
    return (file for file in (*named, *more, report) if file.is_file())


def _log_parameters(mlflow: Any, facts: RunFacts) -> None:
    parameters = {name: value[:_LONGEST_VALUE] for name, value in flat_config(facts.config)}
    names = list(parameters)
    for start in range(0, len(names), _PARAMETERS_AT_ONCE):
        chosen = names[start : start + _PARAMETERS_AT_ONCE]
        mlflow.log_params({name: parameters[name] for name in chosen})


def epoch_metrics(facts: RunFacts) -> Iterator[tuple[int, dict[str, float]]]:
    """Epoch -> its numbers."""
    for row in facts.history.to_dict("records"):
        numbers = {
            str(name): float(value)
            for name, value in row.items()
            if name != "epoch" and isinstance(value, int | float) and np.isfinite(value)
        }
        if numbers:
            yield int(row["epoch"]), numbers


def final_metrics(facts: RunFacts) -> dict[str, float]:
    """Scores of each part, with the ends of their intervals and the baseline beside them."""
    found: dict[str, float] = {}
    for part in PART_OF_SPLIT.values():
        scores = facts.results.get(part, {})
        found |= {f"{part}.{name}": float(value) for name, value in scores.items()}
        for name, (low, high) in facts.results.get("intervals", {}).get(part, {}).items():
            found |= {f"{part}.{name}.low": float(low), f"{part}.{name}.high": float(high)}
        baseline = facts.results.get("baseline", {}).get(part)
        if baseline:
            found[f"baseline.{part}.macro_f1"] = float(baseline["macro_f1"])
    return found
