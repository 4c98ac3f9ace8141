"""The outputs of a study: tables, figures, and its results as JSON values and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.plots.bars import plot_bars
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.tuning_figures import (
    SearchedParameter,
    plot_parallel_coordinates,
    plot_pareto_front,
    plot_tuning_history,
    plot_tuning_slices,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_text
from artstyle_tf.tuning.live_board import short_value
from artstyle_tf.tuning.parameters import Parameter
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.study import best_first
from artstyle_tf.tuning.study_folder import StudyFolder
from artstyle_tf.tuning.study_verdict import Verdict
from artstyle_tf.tuning.trial_records import TrialRecord

_SCORE_NAMES = {
    "validation": "Validation macro-F1",
    "random": "Macro-F1 over folds",
    "group": "Macro-F1 over folds without a common group",
}


def write_trials(
    folder: StudyFolder, records: Sequence[TrialRecord], space: SearchSpace, metrics: Sequence[str]
) -> None:
    """Write one row a trial."""
    rows = []
    for record in records:
        last = record.steps[max(record.steps)] if record.steps else None
        rows.append(
            {
                "trial": record.number,
                "state": record.state,
                **{metric: record.scores.get(metric) for metric in metrics},
                "steps": len(record.steps),
                "last_macro_f1": last,
                "seconds": record.seconds,
                "retry_of": record.retry_of,
                "repeat_of": record.repeat_of,
                "reason": record.reason,
                **{key: record.values.get(key) for key in space.parameters},
            }
        )
    table = pd.DataFrame(rows)
    if rows:
        for column in ("retry_of", "repeat_of"):
            table[column] = table[column].astype("Int64")  # integers, some missing
    write_text(folder.trials_file, csv_text(table))


def draw_figures(
    folder: StudyFolder,
    records: Sequence[TrialRecord],
    space: SearchSpace,
    metrics: Sequence[str],
    importances: Mapping[str, float],
    *,
    scheme: str,
    lines: Mapping[str, float],
) -> None:
    """Draw the figures that so many trials allow.

    Optuna draws these too (`optuna.visualization.matplotlib`), but leaves out pruned and failed
    trials, writes long choices and, in our style, logarithmic ticks over each other, and uses
    pyplot, which keeps its figures and its style for the whole process.

    Args:
        folder: of the study.
        records: all trials.
        space: of the study.
        metrics: objectives.
        importances: key -> share; not drawn if empty.
        scheme: of the objective.
        lines: see `plot_tuning_history`.
    """
    score_name = _SCORE_NAMES[scheme]
    names = short_names(list(space.parameters))
    ended = [record for record in records if record.state != "running"]
    figures = {
        "optimization_history": plot_tuning_history(
            [record.number for record in ended],
            [record.score for record in ended],
            [record.state for record in ended],
            score_name=score_name,
            lines=lines,
        )
    }
    if importances:
        figures["parameter_importances"] = plot_bars(
            [names[key] for key in importances],
            list(importances.values()),
            axis_name="Importance (share of the variance of the scores)",
            title="Parameter importances",
        )
    scored = [record for record in records if record.score]
    if scored:
        searched = [_searched(key, space.parameters[key], names[key], scored) for key in names]
        values = [record.score or 0.0 for record in scored]
        complete = [record.state == "complete" for record in scored]
        figures["slices"] = plot_tuning_slices(searched, values, complete, score_name=score_name)
        figures["parallel_coordinates"] = plot_parallel_coordinates(
            searched, values, complete, score_name=score_name
        )
    done = [record for record in records if record.state == "complete"]
    if len(metrics) > 1 and done:
        front = {record.number for record in best_first(records, metrics)}
        figures["pareto_front"] = plot_pareto_front(
            [record.scores["macro_f1"] for record in done],
            [record.scores["training_seconds"] for record in done],
            [record.number in front for record in done],
            [record.number for record in done],
            score_name=score_name,
            cost_name="Training time, s",
        )
    for name, figure in figures.items():
        save_figure(figure, folder.figures / f"{name}.png")


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return dotted key -> its end, as long as needed to distinguish it from the others."""

    def is_clear(name: str) -> bool:
        return sum(f".{key}".endswith(f".{name}") for key in keys) == 1

    names = {}
    for key in keys:
        parts = key.split(".")
        ends = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        names[key] = next((end for end in ends if is_clear(end)), key)
    return names


def _searched(
    key: str, parameter: Parameter, name: str, records: Sequence[TrialRecord]
) -> SearchedParameter:
    if parameter.type != "categorical":
        values = [record.values.get(key) for record in records]
        return SearchedParameter(name, values, log=parameter.log)
    texts = [
        str(parameter.token_of(record.values[key])) if key in record.values else None
        for record in records
    ]
    return SearchedParameter(name, texts, choices=[str(token) for token in parameter.tokens])


def summarize_study(result: dict[str, Any]) -> str:
    """Return the result as text."""
    states = ", ".join(f"{count} {state}" for state, count in result["trials"].items() if count)
    lines = [f"Trials:  {states}"]
    if result["ended_early"] is not None:
        lines.append(f"Ended:   {result['ended_early']}")
    values = {key: short_value(value) for key, value in result["best"]["values"].items()}
    width = max(map(len, values), default=0)
    lines += [
        f"Winner:  trial {result['best']['trial']}",
        *(f"  {key:<{width}}  {value}" for key, value in values.items()),
        *result["confirmation"],
        *(f"{text[0].upper()}{text[1:]}." for text in result["verdicts"]),
        f"Config:  {result['best_config']}",
        f"Figures: {result['figures']}",
        f"Results: {result['study']} ({result['seconds']['total']:.0f} s)",
    ]
    return "\n".join(lines)


def best_entry(best: Sequence[TrialRecord], verdict: Verdict) -> dict[str, Any]:
    """Return the content of `best.json`."""
    record = next(record for record in best if record.number == verdict.winner)
    confirmed = next((r for r in verdict.recipes if r["trial"] == record.number), None)
    return {
        **record_entry(record),
        "confirmed_macro_f1": None if confirmed is None else confirmed["mean"],
    }


def record_entry(record: TrialRecord) -> dict[str, Any]:
    """Return number, values and scores of a trial as JSON values."""
    return {"trial": record.number, "values": record.values, "scores": record.scores}


def no_valid_trial(records: Sequence[TrialRecord]) -> ArtstyleError:
    """Return the error for a study without a complete trial."""
    states = Counter(record.state for record in records)
    counted = ", ".join(f"{count} {state}" for state, count in states.items()) or "no trial"
    reason = next((f"; trial {r.number} {r.state}: {r.reason}" for r in records if r.reason), "")
    return ArtstyleError(
        "No trial has a score, so there is no best one",
        received=f"{counted}{reason}",
        expected="at least one complete trial",
        fix="repair that and choose another --run-name, or continue the study with more --trials",
    )


def describe_space(space: SearchSpace) -> dict[str, str]:
    """Return key -> its range or choices and its conditions, as text."""
    return {key: _describe(parameter) for key, parameter in space.parameters.items()}


def _describe(parameter: Parameter) -> str:
    if parameter.type == "categorical":
        words = " | ".join(str(token) for token in parameter.tokens)
    else:
        words = f"{parameter.low:g} to {parameter.high:g}" + (", log" if parameter.log else "")
    conditions = [f"{name} in {list(values)}" for name, values in parameter.when.items()]
    return words + (f", if {' and '.join(conditions)}" if conditions else "")
