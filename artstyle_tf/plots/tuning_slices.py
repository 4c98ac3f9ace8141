"""The scores of all trials over each parameter by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from artstyle_tf.plots.theme import BLUE, ORANGE, class_labels, house_style, new_figure

_COLUMNS = 3


@dataclass(frozen=True)
class SearchedParameter:
    """A parameter and its value in each of N trials.

    Attributes:
        name: for people.
        values: numbers, or anything where there are `choices`; None where a trial has none.
        log: whether the axis is logarithmic.
        choices: texts, in order; None for numbers. Then the values are such texts.
    """

    name: str
    values: Sequence[Any]
    log: bool = False
    choices: Sequence[str] | None = None

    def positions(self) -> np.ndarray:
        """Where the values lie on an axis: float [N], NaN where there is none."""
        if self.choices is None:
            return np.array([np.nan if value is None else value for value in self.values], float)
        order = {text: float(position) for position, text in enumerate(self.choices)}
        return np.array([order.get(value, np.nan) for value in self.values], float)

    @property
    def is_whole(self) -> bool:
        """Whether all values are whole numbers."""
        places = self.positions()
        known = places[np.isfinite(places)]
        return self.choices is None and bool((known == np.round(known)).all())


@house_style()
def plot_tuning_slices(
    parameters: Sequence[SearchedParameter],
    scores: Sequence[float],
    is_complete: Sequence[bool],
    *,
    score_name: str,
) -> Figure:
    """Draws a panel for each parameter.

    Args:
        parameters: with values of N trials.
        scores: of the trials; a pruned one has its last.
        is_complete: which trials were not pruned.
        score_name: what the scores are.

    Returns:
        Figure with three panels in a row; the best trial is ringed in each.
    """
    rows = math.ceil(len(parameters) / _COLUMNS)
    columns = min(_COLUMNS, len(parameters))
    figure, _ = new_figure(3.6 * columns + 0.6, 3.1 * rows + 0.4)
    figure.clear()
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    values = np.array(scores, float)
    complete = np.array(is_complete, bool)
    best = int(np.where(complete, values, -np.inf).argmax()) if complete.any() else None
    generator = np.random.default_rng(0)  # of the jitter, so that equal choices do not hide
    for number, (axes, parameter) in enumerate(zip(panels, parameters, strict=False)):
        places = parameter.positions()
        if parameter.choices is not None:
            places = places + generator.uniform(-0.16, 0.16, len(places))
        for chosen, color, marker, label in (
            (complete, BLUE, "o", "complete"),
            (~complete, ORANGE, "v", "pruned"),
        ):
            if chosen.any():
                face = color if marker == "o" else "none"
                axes.plot(
                    places[chosen], values[chosen], marker, color=color, mfc=face, ms=4.5,
                    alpha=0.8, label=label,
                )  # fmt: skip
        if best is not None:
            axes.plot(places[best], values[best], "o", ms=11, mfc="none", mec="black", label="best")
        _label(axes, parameter)
        if number % columns == 0:
            axes.set_ylabel(score_name)
    for axes in panels[len(parameters) :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _label(axes: Axes, parameter: SearchedParameter) -> None:
    axes.set_xlabel(class_labels([parameter.name], longest=34)[0])
    if parameter.choices is not None:
        axes.set_xticks(range(len(parameter.choices)), class_labels(parameter.choices, longest=12))
        axes.set_xlim(-0.5, len(parameter.choices) - 0.5)
    elif parameter.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=_labeled_digits(parameter.positions())))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif parameter.is_whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _labeled_digits(places: np.ndarray) -> tuple[float, ...]:
    """First digits of the numbers on a logarithmic axis, so that there are a few of them."""
    known = places[np.isfinite(places)]
    decades = float(np.log10(known.max() / known.min())) if known.size else 0.0
    if decades <= 1:
        return 1.0, 2.0, 5.0
    return (1.0, 3.0) if decades < 2.6 else (1.0,)
