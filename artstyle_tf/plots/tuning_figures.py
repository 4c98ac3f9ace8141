"""Figures of a study: optimization history, slices, parallel coordinates and Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from artstyle_tf.plots.theme import (
    BLACK,
    BLUE,
    GRAY,
    ORANGE,
    RED,
    class_labels,
    house_style,
    make_matrix_axes,
    new_figure,
    new_panels,
    scale_logarithmically,
)

_COLUMNS_OF_SLICES = 3
_TICKS = 5
# Dark is good; the lightest yellow would not show on white.
_SCORE_COLORS = colormaps["viridis_r"]


@dataclass(frozen=True)
class SearchedParameter:
    """A parameter and its value in each of N trials.

    Attributes:
        name: for people.
        values: numbers, or texts where there are `choices`; None where a trial has none.
        log: whether the axis is logarithmic.
        choices: texts, in order; None for numbers.
    """

    name: str
    values: Sequence[Any]
    log: bool = False
    choices: Sequence[str] | None = None

    def positions(self) -> np.ndarray:
        """Return positions of the values on an axis: float [N], NaN where there is none."""
        if self.choices is None:
            return np.array([np.nan if value is None else value for value in self.values], float)
        order = {text: float(position) for position, text in enumerate(self.choices)}
        return np.array([order.get(value, np.nan) for value in self.values], float)

    @property
    def is_whole(self) -> bool:
        """Whether all values are integers."""
        positions = self.positions()
        known = positions[np.isfinite(positions)]
        return self.choices is None and bool((known == np.round(known)).all())


@house_style()
def plot_tuning_history(
    numbers: Sequence[int],
    scores: Sequence[float | None],
    states: Sequence[str],
    *,
    score_name: str,
    lines: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the score of each trial, and the best so far.

    Args:
        numbers: of the trials.
        scores: of the trials, the last one of a pruned trial; None where there is none.
        states: complete, pruned or failed; a failed trial is a cross on the axis.
        score_name: name of the score.
        lines: name -> score for comparison, e.g. of the winner trained again.
    """
    figure, (axes,) = new_figure(9, 4.6)
    values = np.array([np.nan if score is None else score for score in scores], float)
    state = np.array(states)
    positions = np.array(numbers, float)
    complete = (state == "complete") & np.isfinite(values)
    pruned = (state == "pruned") & np.isfinite(values)
    _draw_trials(axes, positions, values, complete, pruned, ms=5)
    if complete.any():
        best = np.maximum.accumulate(np.where(complete, values, -np.inf))
        known = np.isfinite(best)
        axes.step(
            positions[known], best[known], where="post", color=BLUE, lw=1.5, label="best so far"
        )
    failed = state == "failed"
    if failed.any():
        look: dict[str, Any] = {"color": RED, "clip_on": False, "label": "failed"}
        bottom = axes.get_xaxis_transform()
        axes.plot(positions[failed], np.zeros(failed.sum()), "x", transform=bottom, **look)
    for number, (name, value) in enumerate((lines or {}).items()):
        style = ("--", ":", "-.")[number % 3]
        axes.axhline(value, color=GRAY, ls=style, lw=1.2, label=f"{name}, {value:.3f}")
    axes.set_xlabel("Trial")
    axes.set_ylabel(score_name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title("Optimization history", loc="left")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper")
    return figure


def _draw_trials(
    axes: Axes, x: np.ndarray, y: np.ndarray, complete: np.ndarray, pruned: np.ndarray, **look: Any
) -> None:
    for chosen, color, marker, face, label in (
        (complete, BLUE, "o", BLUE, "complete"),
        (pruned, ORANGE, "v", "none", "pruned"),
    ):
        if chosen.any():
            axes.plot(x[chosen], y[chosen], marker, color=color, mfc=face, label=label, **look)


@house_style()
def plot_tuning_slices(
    parameters: Sequence[SearchedParameter],
    scores: Sequence[float],
    is_complete: Sequence[bool],
    *,
    score_name: str,
) -> Figure:
    """Draw the scores of N trials over each parameter, a panel each; the best trial is ringed.

    Args:
        parameters: with values of the trials.
        scores: of the trials, the last one of a pruned trial.
        is_complete: which trials were not pruned.
        score_name: name of the score.
    """
    columns = min(_COLUMNS_OF_SLICES, len(parameters))
    rows = -(-len(parameters) // columns)
    figure, panels = new_panels(
        len(parameters), 3.6 * columns + 0.6, 3.1 * rows + 0.4, most_columns=columns
    )
    values = np.array(scores, float)
    complete = np.array(is_complete, bool)
    best = int(np.where(complete, values, -np.inf).argmax()) if complete.any() else None
    generator = np.random.default_rng(0)  # jitter, so that equal choices do not hide each other
    for number, (axes, parameter) in enumerate(zip(panels.flat, parameters, strict=False)):
        positions = parameter.positions()
        if parameter.choices is not None:
            positions = positions + generator.uniform(-0.16, 0.16, len(positions))
        _draw_trials(axes, positions, values, complete, ~complete, ms=4.5, alpha=0.8)
        if best is not None:
            axes.plot(
                positions[best], values[best], "o", ms=11, mfc="none", mec="black", label="best"
            )
        _label_slice(axes, parameter)
        if number % columns == 0:
            axes.set_ylabel(score_name)
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=3)
    return figure


def _label_slice(axes: Axes, parameter: SearchedParameter) -> None:
    axes.set_xlabel(class_labels([parameter.name], longest=34)[0])
    if parameter.choices is not None:
        axes.set_xticks(range(len(parameter.choices)), class_labels(parameter.choices, longest=12))
        axes.set_xlim(-0.5, len(parameter.choices) - 0.5)
    elif parameter.log:
        scale_logarithmically(axes)
    elif parameter.is_whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


@house_style()
def plot_parallel_coordinates(
    parameters: Sequence[SearchedParameter],
    scores: Sequence[float],
    is_complete: Sequence[bool],
    *,
    score_name: str,
) -> Figure:
    """Draw each trial as a line from its parameters on the left to its score on the right.

    Arguments are as for `plot_tuning_slices`. Good trials are dark and on top, the best complete
    one is black; a line has a gap where a trial lacks a parameter.
    """
    figure, (axes,) = new_figure(2.0 + 1.75 * (len(parameters) + 1), 4.8)
    values = np.array(scores, float)
    every = [*parameters, SearchedParameter(score_name, list(values))]
    heights = np.stack([_heights(parameter) for parameter in every])
    low, high = float(values.min()), float(values.max())
    norm = Normalize(low - 0.15 * (high - low or 1.0), high)
    complete = np.array(is_complete, bool)
    # The best of the complete ones is last, so that it is on top.
    order = sorted(range(len(values)), key=lambda trial: (complete[trial], values[trial]))
    for rank, trial in enumerate(order):
        is_best = rank == len(order) - 1 and complete[trial]
        axes.plot(
            range(len(every)),
            heights[:, trial],
            color=BLACK if is_best else _SCORE_COLORS(norm(values[trial])),
            lw=2.2 if is_best else 1.0,
            alpha=1.0 if is_best else 0.75,
            marker="o",
            ms=2.5,
        )
    for position, parameter in enumerate(every):
        _draw_axis(axes, position, parameter)
    axes.set_xlim(-0.4, len(every) - 0.4)
    axes.set_ylim(-0.07, 1.05)
    axes.set_yticks([])
    names = class_labels([parameter.name for parameter in every], longest=22)
    axes.set_xticks(range(len(every)), [name.replace("…", "…\n") for name in names])
    axes.tick_params(axis="x", labelsize=9)
    make_matrix_axes(axes)
    mappable = ScalarMappable(norm, _SCORE_COLORS)
    figure.colorbar(mappable, ax=axes, label=f"{score_name} (black: best trial)", pad=0.02)
    return figure


def _heights(parameter: SearchedParameter) -> np.ndarray:
    """Scale the values to float [N] in [0, 1]."""
    low, high = _ends(parameter)
    return (_scaled(parameter) - low) / ((high - low) or 1.0)


def _scaled(parameter: SearchedParameter) -> np.ndarray:
    return np.log10(parameter.positions()) if parameter.log else parameter.positions()


def _ends(parameter: SearchedParameter) -> tuple[float, float]:
    if parameter.choices is not None:
        return 0.0, float(max(len(parameter.choices) - 1, 1))
    scaled = _scaled(parameter)
    known = scaled[np.isfinite(scaled)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _draw_axis(axes: Axes, position: int, parameter: SearchedParameter) -> None:
    axes.vlines(position, 0, 1, color="#9CA3AF", lw=1, zorder=1)
    low, high = _ends(parameter)
    if parameter.choices is not None:
        ticks = np.arange(len(parameter.choices), dtype=float)
        texts = class_labels(list(parameter.choices), longest=12)
    else:
        ticks = np.linspace(low, high, _TICKS) if high > low else np.array([low])
        if not parameter.log and parameter.is_whole and high - low <= 2 * _TICKS:
            ticks = np.arange(low, high + 1)
        texts = [f"{10**tick if parameter.log else tick:.3g}" for tick in ticks]
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6}
    look: dict[str, Any] = {"fontsize": 8, "va": "center", "bbox": box, "zorder": 5}
    for tick, text in zip(ticks, texts, strict=True):
        height = (tick - low) / ((high - low) or 1.0)
        axes.annotate(text, (position, height), xytext=(4, 0), textcoords="offset points", **look)


@house_style()
def plot_pareto_front(
    scores: Sequence[float],
    costs: Sequence[float],
    is_front: Sequence[bool],
    numbers: Sequence[int],
    *,
    score_name: str,
    cost_name: str,
) -> Figure:
    """Draw score (more is better) over cost (less is better) of all trials.

    Trials of the Pareto front, `is_front`, are labeled with their numbers.
    """
    figure, (axes,) = new_figure(7, 4.6)
    x, y, front = np.array(costs, float), np.array(scores, float), np.array(is_front, bool)
    axes.plot(x[~front], y[~front], "o", color=GRAY, mfc="none", ms=5, label="dominated")
    order = np.flatnonzero(front)[np.argsort(x[front])]
    axes.step(x[order], y[order], where="post", color=BLUE, lw=1.2)
    axes.plot(x[order], y[order], "o", color=BLUE, ms=6, label="Pareto front")
    look: dict[str, Any] = {"ha": "center", "fontsize": 8}
    for position in order:
        point = (x[position], y[position])
        axes.annotate(
            str(numbers[position]), point, xytext=(0, 6), textcoords="offset points", **look
        )
    axes.margins(0.08)
    axes.set_xlabel(cost_name)
    axes.set_ylabel(score_name)
    axes.set_title("Pareto front (numbers: trials)", loc="left")
    figure.legend(loc="outside right upper")
    return figure
