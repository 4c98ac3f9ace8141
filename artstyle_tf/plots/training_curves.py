"""Learning curves: loss and macro-F1 over the epochs, with the phases of the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from artstyle_tf.plots.theme import BLUE, GRAY, LIGHT_GRAY, ORANGE, house_style, new_figure

_COLUMNS = ("loss", "val_loss", "macro_f1", "val_macro_f1")
_AXES_INCHES = 4.7  # about the width of one of the two axes; decides which phase names collide
_LETTER_INCHES = 0.07  # a letter of a phase name


class Phase(NamedTuple):
    """Consecutive epochs of one phase, from half an epoch before to half an epoch after."""

    name: str
    first: float
    last: float


def phases_of(epochs: np.ndarray, names: Sequence[str]) -> list[Phase]:
    """Return the phases of epochs float [N] with N names of phases."""
    starts = [row for row in range(len(names)) if row == 0 or names[row] != names[row - 1]]
    ends = [*starts[1:], len(names)]
    return [
        Phase(names[start], epochs[start] - 0.5, epochs[end - 1] + 0.5)
        for start, end in zip(starts, ends, strict=False)  # without rows: no start, but an end
    ]


def set_epoch_axis(axes: Axes, epochs: np.ndarray) -> None:
    """Label the x axis with whole epochs, and limit it to these epochs."""
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(visible=False, axis="x")
    if len(epochs):
        axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)


@house_style()
def plot_training_curves(history: pd.DataFrame) -> Figure:
    """Draw the history of a run: the loss on the left and macro-F1 on the right.

    Phases are shaded and named, the best epoch is marked in both.

    Args:
        history: one row an epoch with epoch, phase, loss, val_loss, macro_f1, val_macro_f1. A
            column may be missing or hold NaN: epoch 0, the linear probe, has validation scores
            only. The best epoch is the first with the highest val_macro_f1.
    """
    epochs = history["epoch"].to_numpy(dtype="float64")
    names = history["phase"].astype(str).tolist() if "phase" in history else [""] * len(history)
    curves = history.reindex(columns=list(_COLUMNS)).astype("float64")
    curves = curves.replace([np.inf, -np.inf], np.nan).set_axis(epochs, axis=0)
    figure, panels = new_figure(11, 4.4, columns=2)
    for axes, name, title in zip(panels, ("loss", "macro_f1"), ("Loss", "Macro-F1"), strict=True):
        num_lines = _shade_phases(axes, phases_of(epochs, names))
        for column, label, color in (
            (name, "training", ORANGE),
            (f"val_{name}", "validation", BLUE),
        ):
            line = curves[column].dropna()
            if not line.empty:
                axes.plot(line.index, line, marker="o", ms=3.5, lw=1.4, color=color, label=label)
        axes.set_title(title, pad=6 + 11 * num_lines)
        axes.margins(y=0.12)  # room for the score of the best epoch
        set_epoch_axis(axes, epochs)
    _mark_best(panels, curves)
    entries = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if entries:
        figure.legend(
            list(entries.values()), list(entries), loc="outside lower center", ncols=len(entries)
        )
    return figure


def _shade_phases(axes: Axes, phases: list[Phase]) -> int:
    """Shade every second phase and name all, which explains jumps in the curves.

    Returns:
        Lines of names above the axes.
    """
    for number, phase in enumerate(phases):
        if number % 2:
            axes.axvspan(phase.first, phase.last, color=LIGHT_GRAY, zorder=0, lw=0)
        if number:
            _vertical_line(axes, phase.first, color="#D1D5DB", lw=0.8, zorder=0)
    names = _position_names(phases)
    for name, center, line in names:
        axes.annotate(
            name,
            (center, 1.0),
            xycoords="axes fraction",
            xytext=(0, 2 + 11 * line),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            color=GRAY,
        )
    return 1 + max((line for _, _, line in names), default=-1)


def _position_names(phases: list[Phase]) -> list[tuple[str, float, int]]:
    """Position the names so that none touches another.

    A name that fits over its own phase is on line 0. Any other moves up to the first free line,
    or it would seem to name its neighbor.

    Returns:
        Name, center as a share of the axes' width, and line of each phase with a name.
    """
    if not phases:
        return []
    start, width = phases[0].first, phases[-1].last - phases[0].first
    positions = []
    line_ends = [1.0]  # right ends of the last names of the lines; line 0 is for those that fit
    for phase in phases:
        if not phase.name:
            continue
        half = min(0.5, len(phase.name) * _LETTER_INCHES / _AXES_INCHES / 2)
        center = ((phase.first + phase.last) / 2 - start) / width
        line = 0
        if 2 * half > (phase.last - phase.first) / width:
            center = min(max(center, half), 1 - half)
            free = (i for i, end in enumerate(line_ends) if i and end <= center - half)
            line = next(free, len(line_ends))
            line_ends[line : line + 1] = [center + half]
        positions.append((phase.name, center, line))
    if all(line for _, _, line in positions):  # nothing fits: no empty line below
        return [(name, center, line - 1) for name, center, line in positions]
    return positions


def _mark_best(panels: list[Axes], curves: pd.DataFrame) -> None:
    """Draw a dashed line in both axes; ring and score on the validation curve of the second."""
    scores = curves["val_macro_f1"].dropna()
    if scores.empty:
        return
    epoch, score = float(scores.index[scores.argmax()]), float(scores.max())
    for axes in panels:
        label = f"best epoch ({epoch:.0f})"
        _vertical_line(axes, epoch, color=BLUE, ls="--", lw=1, alpha=0.7, label=label)
    panels[1].plot(epoch, score, "o", ms=10, mfc="none", mec=BLUE, mew=1.5)
    left, right = panels[1].get_xlim()
    to_the_left = epoch > (left + right) / 2
    panels[1].annotate(
        f"{score:.3f}",
        (epoch, score),
        xytext=(-8 if to_the_left else 8, 8),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        fontsize=9,
        color=BLUE,
    )


def _vertical_line(axes: Axes, epoch: float, **look: Any) -> None:
    axes.vlines(epoch, 0, 1, transform=axes.get_xaxis_transform(), **look)
