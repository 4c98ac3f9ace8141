"""How a run was trained: curves over the epochs with their phases, and where the time went."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.report.scales import Scale, path_of

_WIDTH_PX, _HEIGHT_PX = 420, 250
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 58, 408, 34, 212
_LETTER_PX = 6.5

STAGES_IN_WORDS = {
    "preparation": "preparing images",
    "baseline": "fitting the baseline",
    "training": "training",
    "evaluation": "evaluation and figures",
    "first_model": "until there was a usable model",
    "total": "all together",
}


def training(facts: RunFacts) -> dict[str, Any]:
    """Curves, if there was more than a start, with words about the end and the seconds."""
    results, history = facts.results, facts.history
    epochs = history[history["epoch"] > 0]
    seconds = {name: float(value) for name, value in results.get("seconds", {}).items()}
    return {
        "num_epochs": len(epochs),
        "best_epoch": results.get("best_epoch"),
        "start": _start(history),
        "stopped_early": results.get("stopped_early"),
        "alarms": list(results.get("alarms", ())),
        "cache": results.get("trunk_cache"),
        "seconds": [
            (words, seconds[name]) for name, words in STAGES_IN_WORDS.items() if name in seconds
        ],
        "charts": []
        if epochs.empty
        else [
            curves(history, column, title, best_epoch=results.get("best_epoch"))
            for column, title in (("macro_f1", "Macro-F1"), ("loss", "Loss"))
        ],
    }


def _start(history: pd.DataFrame) -> tuple[str, float] | None:
    """Name and validation score of what was there before the first epoch."""
    rows = history[history["epoch"] == 0]
    if rows.empty:
        return None
    return str(rows["phase"].iloc[0]), float(rows["val_macro_f1"].iloc[0])


def curves(
    history: pd.DataFrame, column: str, title: str, *, best_epoch: int | None
) -> dict[str, Any]:
    """One figure of the history with a training and a validation line.

    Args:
        history: one row an epoch: epoch, phase, and the columns.
        column: of training; that of validation has `val_` before it.
        title: of the figure.
        best_epoch: is marked on the validation line; None if unknown.

    Returns:
        Places in pixels; nothing is drawn of what is not a number.
    """
    values = history.reindex(columns=[column, f"val_{column}"]).astype("float64")
    values = values.replace([np.inf, -np.inf], np.nan)
    low, high = np.nanmin(values.to_numpy()), np.nanmax(values.to_numpy())
    room = 0.06 * (high - low) or 0.05
    y = Scale(float(low - room), float(high + room), _BOTTOM_PX, _TOP_PX)
    first, last = int(history["epoch"].min()), int(history["epoch"].max())
    x = Scale(first - 0.5, last + 0.5, _LEFT_PX, _RIGHT_PX)
    lines = []
    for name, kind in ((column, "training"), (f"val_{column}", "validation")):
        own = values[name].notna()
        pairs = zip(history["epoch"][own], values[name][own], strict=True)
        points = [(x(float(epoch)), y(float(value))) for epoch, value in pairs]
        if points:
            lines.append({"kind": kind, "path": path_of(points), "points": points})
    return {
        "title": title,
        "box": (_WIDTH_PX, _HEIGHT_PX),
        "frame": (_LEFT_PX, _TOP_PX, _RIGHT_PX, _BOTTOM_PX),
        "lines": lines,
        "bands": _bands(history, x),
        "x_ticks": x.ticks(8, whole=True),
        "y_ticks": y.ticks(5),
        "best": _best(history, f"val_{column}", best_epoch, x, y),
        "said": _said(values, column, title),
    }


def _best(
    history: pd.DataFrame, column: str, best_epoch: int | None, x: Scale, y: Scale
) -> tuple[float, float, str] | None:
    row = history[history["epoch"] == best_epoch]
    if row.empty or column not in row or not np.isfinite(row[column].iloc[0]):
        return None
    value = float(row[column].iloc[0])
    return x(float(best_epoch or 0)), y(value), f"{value:.3f}"


def _bands(history: pd.DataFrame, x: Scale) -> list[dict[str, Any]]:
    """Consecutive epochs of the same phase; a name that has no room is left out."""
    phases = history["phase"].astype(str)
    found = []
    for _, rows in history.groupby(phases.ne(phases.shift()).cumsum()):
        start, end = x(rows["epoch"].min() - 0.5), x(rows["epoch"].max() + 0.5)
        name = str(rows["phase"].iloc[0])
        fits = len(name) * _LETTER_PX <= end - start
        found.append({"x": start, "width": round(end - start, 1), "name": name, "is_named": fits})
    return found


def _said(values: pd.DataFrame, column: str, title: str) -> str:
    """The figure in words, for those who cannot see it."""
    said = []
    for name, kind in ((column, "training"), (f"val_{column}", "validation")):
        known = values[name].dropna()
        if len(known):
            said.append(f"{kind} from {known.iloc[0]:.3f} to {known.iloc[-1]:.3f}")
    return f"{title} over the epochs: {'; '.join(said)}."
