"""Training of a run: learning curves with phases, run times, hyperparameter tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.report.axes import Axes, Scale, path_of
from artstyle_tf.report.page import sentence
from artstyle_tf.report.run_facts import RunFacts

_LETTER_PX = 6.5

STAGES_IN_WORDS = {
    "preparation": "image preparation",
    "baseline": "baseline",
    "epoch_selection": "selection of the number of epochs",
    "training": "training",
    "evaluation": "evaluation and figures",
    "first_model": "time to the first usable model",
    "total": "total",
}


def training(facts: RunFacts) -> dict[str, Any]:
    """Return learning curves, if any epochs were trained, and the run times."""
    results, history = facts.results, facts.history
    num_epochs = int((history["epoch"] > 0).sum())
    start = history[history["epoch"] == 0]
    seconds = {name: float(value) for name, value in results.get("seconds", {}).items()}
    best_epoch, selection = results.get("best_epoch"), results.get("epoch_selection")
    columns = (("macro_f1", "Macro-F1"), ("loss", "Loss")) if num_epochs else ()
    return {
        "num_epochs": num_epochs,
        "best_epoch": best_epoch,
        "num_selection_folds": len(selection["folds"]) if selection else 0,
        # Name and validation score of the weights before the first epoch.
        "start": None
        if start.empty
        else (str(start["phase"].iloc[0]), float(start["val_macro_f1"].iloc[0])),
        "stopped_early": results.get("stopped_early"),
        "alarms": list(results.get("alarms", ())),
        "cache": results.get("trunk_cache"),
        "seconds": [
            (words, seconds[name]) for name, words in STAGES_IN_WORDS.items() if name in seconds
        ],
        "charts": [
            *([_selection_curve(selection)] if selection else []),
            *(_curves(history, column, title, best_epoch=best_epoch) for column, title in columns),
        ],
    }


def _selection_curve(selection: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart of the scores that selected the number of epochs."""
    means = pd.DataFrame({"epoch": selection["epochs"], "val_macro_f1": selection["macro_f1"]})
    return _curves(
        means.assign(phase=""),
        "macro_f1",
        "Macro-F1 on held-out groups",
        best_epoch=selection["epoch"],
    )


def _curves(
    history: pd.DataFrame, column: str, title: str, *, best_epoch: int | None
) -> dict[str, Any]:
    """Return a chart with a training and a validation curve; values that are not finite are gaps.

    Args:
        history: one row per epoch: epoch, phase, and the columns.
        column: of the training values; validation values have the prefix `val_`.
        title: of the chart.
        best_epoch: marked on the validation curve; None if unknown.
    """
    kinds = {"training": column, "validation": f"val_{column}"}
    values = history.reindex(columns=list(kinds.values())).astype("float64")
    values = values.replace([np.inf, -np.inf], np.nan)
    low, high = np.nanmin(values.to_numpy()), np.nanmax(values.to_numpy())
    room = 0.06 * (high - low) or 0.05
    first, last = int(history["epoch"].min()), int(history["epoch"].max())
    limits = (float(low - room), float(high + room))
    axes = Axes((first - 0.5, last + 0.5), limits, height_px=250, top_px=34)
    x, y = axes.x, axes.y
    lines, texts = [], []
    for kind, name in kinds.items():
        known = values[name].dropna()
        if known.empty:
            continue
        epochs = history["epoch"][known.index]
        points = [(x(epoch), y(value)) for epoch, value in zip(epochs, known, strict=True)]
        lines.append({"kind": kind, "path": path_of(points), "points": points})
        texts.append(f"{kind} from {known.iloc[0]:.3f} to {known.iloc[-1]:.3f}")
    best = values[kinds["validation"]][history["epoch"] == best_epoch].dropna()
    return {
        **axes.content(x.ticks(8, whole=True), y.ticks(5)),
        "title": title,
        "lines": lines,
        "bands": _bands(history, x),
        "best": None
        if best.empty
        else (x(best_epoch or 0), y(best.iloc[0]), f"{best.iloc[0]:.3f}"),
        "text": f"{title} over the epochs: {'; '.join(texts)}.",
    }


def _bands(history: pd.DataFrame, x: Scale) -> list[dict[str, Any]]:
    """Return runs of epochs of the same phase; names without room are left out."""
    phases = history["phase"].astype(str)
    found = []
    for _, rows in history.groupby(phases.ne(phases.shift()).cumsum()):
        start, end = x(rows["epoch"].min() - 0.5), x(rows["epoch"].max() + 0.5)
        name = str(rows["phase"].iloc[0])
        fits = len(name) * _LETTER_PX <= end - start
        found.append({"x": start, "width": round(end - start, 1), "name": name, "is_named": fits})
    return found


def tuning(studies: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the studies of `related_results.read_tuning` with charts; None if there are none."""
    if not studies:
        return None
    return {
        "studies": [
            {
                **study,
                "sentence": sentence(study["verdict"]) if study["verdict"] else None,
                "chart": _trials(study["scores"]),
            }
            for study in studies
        ]
    }


def _trials(scores: Sequence[float]) -> dict[str, Any] | None:
    """Return a chart with a point per trial and a line for the best value so far."""
    if len(scores) < 2:
        return None
    low, high = min(scores), max(scores)
    room = 0.08 * (high - low) or 0.05
    axes = Axes((0.5, len(scores) + 0.5), (low - room, high + room), height_px=190)
    x, y = axes.x, axes.y
    best = np.maximum.accumulate(scores)
    path = f"M{x(1):g},{y(best[0]):g}" + "".join(
        f"H{x(number):g}V{y(value):g}" for number, value in enumerate(best[1:], start=2)
    )
    return {
        **axes.content(x.ticks(8, whole=True), y.ticks(4)),
        "points": [(x(number), y(score)) for number, score in enumerate(scores, start=1)],
        "path": path,
        "text": f"{len(scores)} trials, macro-F1 from {low:.3f} to {high:.3f}.",
    }
