"""Signs of a collapsed embedding over the epochs of metric learning."""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from artstyle_tf.plots.theme import BLUE, GRAY, LIGHT_GRAY, RED, house_style, new_figure
from artstyle_tf.plots.training_curves import Phase, phases_of, set_epoch_axis

_AXES_INCHES = 2.8  # about the width of a panel; decides which phase numbers collide
_DIGIT_INCHES = 0.075  # of the number of a phase
_MOST_EPOCHS_NAMED = 6  # in the legend
_LETTERS_IN_A_LINE = 170  # of the names of the phases


class _Panel(NamedTuple):
    column: str
    title: str
    collapsed: str  # the value when all embeddings are one point


_PANELS = (
    _Panel("mean_distance", "Mean pairwise distance", "collapsed: 0"),
    _Panel("active_triplets", "Active triplets", "collapsed: near 100%"),
    _Panel("embedding_rank", "Effective rank", "collapsed: at most 1"),
    _Panel("loss", "Training loss", "collapsed: the margin"),
)


@house_style()
def plot_embedding_health(history: pd.DataFrame, *, margin: float | None = None) -> Figure:
    """Draw mean pairwise distance, active triplets, effective rank and loss, a panel each.

    Phases are shaded and numbered, and epochs with an alarm are marked; a panel without data is
    labeled "not measured".

    Args:
        history: one row an epoch with epoch, phase, mean_distance, active_triplets (a share),
            embedding_rank, loss, and alarm: text in epochs in which the guard found a collapse. A
            column may be missing or hold NaN; without epoch, rows count from 1.
        margin: of the loss, in its unit, drawn as a line; None for none.
    """
    table = history.reindex(columns=["phase", "alarm", *(panel.column for panel in _PANELS)])
    epochs = _numbers(history["epoch"]) if "epoch" in history else np.arange(1.0, len(table) + 1)
    alarms = epochs[np.array([bool(text) for text in _texts(table["alarm"])], dtype=bool)]
    phases = phases_of(epochs, _texts(table["phase"]))
    key = _key_of_phases(phases)
    figure, panels = new_figure(13, 3.6 + 0.17 * len(key.splitlines()), columns=len(_PANELS))
    for axes, panel in zip(panels, _PANELS, strict=True):
        limit = margin if panel.column == "loss" else None
        _label(axes, panel, margin=margin)
        _draw_curve(axes, epochs, _numbers(table[panel.column]), limit=limit)
        _shade_phases(axes, phases)
        _mark_alarms(axes, alarms)
        set_epoch_axis(axes, epochs)
    handles, labels = panels[-1].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    if key:
        figure.suptitle(key, x=0.01, ha="left", fontsize=9, color=GRAY)
    return figure


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)


def _texts(column: pd.Series) -> list[str]:
    """Return texts; other values, such as NaN for an empty field of a CSV file, become empty."""
    return [value.strip() if isinstance(value, str) else "" for value in column]


def _key_of_phases(phases: list[Phase]) -> str:
    """Return the names of the numbered phases, never broken inside a name; empty for one phase."""
    if len(phases) < 2:
        return ""
    entries = [f"{number}: {phase.name}" for number, phase in enumerate(phases, start=1)]
    unbroken = [" ".join(entry.split()).replace(" ", "\xa0") for entry in entries]
    return textwrap.fill(f"Phases  {',  '.join(unbroken)}", _LETTERS_IN_A_LINE).replace("\xa0", " ")


def _label(axes: Axes, panel: _Panel, *, margin: float | None) -> None:
    axes.set_title(panel.title, pad=18)
    if panel.column == "active_triplets":
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if panel.column == "loss" and margin is None:
        return  # losses without a margin do not show a collapse
    look: dict[str, Any] = {"ha": "center", "fontsize": 8, "color": GRAY}
    point = {"xycoords": "axes fraction", "xytext": (0, 5), "textcoords": "offset points"}
    axes.annotate(panel.collapsed, (0.5, 1), **point, **look)


def _draw_curve(axes: Axes, epochs: np.ndarray, values: np.ndarray, *, limit: float | None) -> None:
    is_there = np.isfinite(values)
    if not is_there.any():
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=GRAY)
        axes.set_yticks([])
        return
    axes.plot(epochs[is_there], values[is_there], marker="o", ms=3.5, lw=1.4, color=BLUE)
    if limit is not None:
        axes.axhline(limit, color=GRAY, ls="--", lw=1.2, label=f"margin {limit:g}")
    bottom = min(0.0, values[is_there].min())
    top = max(values[is_there].max(), limit or 0.0)
    # Above the curve is room for the numbers of the phases.
    axes.set_ylim(bottom, top + 0.17 * ((top - bottom) or 1))


def _shade_phases(axes: Axes, phases: list[Phase]) -> None:
    """Shade every second phase and number all: names would not fit into a small panel."""
    if len(phases) < 2:
        return
    epochs_in_an_inch = (phases[-1].last - phases[0].first) / _AXES_INCHES
    look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 8, "color": GRAY}
    end = -np.inf  # of the last number; one that would touch it is left out
    for number, phase in enumerate(phases, start=1):
        if number % 2 == 0:
            axes.axvspan(phase.first, phase.last, color=LIGHT_GRAY, zorder=0, lw=0)
        center = (phase.first + phase.last) / 2
        half = (len(str(number)) + 0.5) * _DIGIT_INCHES / 2 * epochs_in_an_inch
        if center - half < end:
            continue
        end = center + half
        axes.text(center, 0.98, str(number), transform=axes.get_xaxis_transform(), **look)


def _mark_alarms(axes: Axes, alarms: np.ndarray) -> None:
    if not len(alarms):
        return
    named = ", ".join(f"{epoch:.0f}" for epoch in alarms)
    if len(alarms) > _MOST_EPOCHS_NAMED:
        which = f"{len(alarms)} epochs"
    else:
        which = f"epoch {named}" if len(alarms) == 1 else f"epochs {named}"
    axes.vlines(
        alarms,
        0,
        1,
        transform=axes.get_xaxis_transform(),
        color=RED,
        lw=1.4,
        zorder=1.5,  # below the curve
        label=f"collapse alarm ({which})",
    )
